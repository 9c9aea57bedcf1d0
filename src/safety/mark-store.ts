/**
 * The port through which protected subjects are kept by their ids at the target, so that no rename,
 * nesting or regrouping unprotects them. Ids at a target are kept as they are; they name nobody. A mark
 * goes only by a person's act. Rejects with GatewayError `ledger_unavailable`.
 */

export type ProtectionMark = Readonly<{
  tenant: string;
  /** Name of the rule. */
  rule: string;
  /** `users` or `groups`. */
  word: string;
  /** Id at the target. */
  id: string;
  /** When it was found first, wall ms. */
  at: number;
}>;

/** When a rule (by its digest) was looked through whole the last time. */
export type RuleResolved = Readonly<{ tenant: string; rule: string; digest: string; at: number }>;

export interface MarkStore {
  /** All marks and rules, at most 100,000 marks, oldest first. */
  list(): Promise<
    Readonly<{ marks: readonly ProtectionMark[]; resolved: readonly RuleResolved[] }>
  >;
  /**
   * Keeps marks that are not there yet, at most 1,000 a call, and notes a rule as resolved. False where
   * a tenant would hold more than 50,000, or all of them more than 100,000: then nothing was kept.
   */
  add(marks: readonly ProtectionMark[], resolved: RuleResolved | null): Promise<boolean>;
  /** Takes one mark away; false where there is none. */
  forget(mark: Pick<ProtectionMark, 'tenant' | 'rule' | 'word' | 'id'>): Promise<boolean>;
}
