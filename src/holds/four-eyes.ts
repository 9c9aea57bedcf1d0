/**
 * Who may approve what. Pure. An approval is a person's own word: never that of the client's owner, of
 * whoever last changed its grants or issued one of its keys, never twice by one person, and nobody's
 * who only has the files. Names are compared by NFKC and case folding, so that two spellings are one.
 */
import { createHash } from 'node:crypto';
import type { Snapshot } from '../snapshot.ts';
import type { HoldRow } from './hold-store.ts';
import { voidApprovals, type Approval, type KeptHold } from './kept-hold.ts';

/** Letter case, width and characters that nobody sees make no other person. */
const folded = (name: string): string =>
  name
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
    .trim();

/** Are these two spellings of one person? */
const samePerson = (one: string, other: string): boolean => folded(one) === folded(other);

/** What is known of those behind a client. */
export type Behind = Readonly<{
  client: string;
  /** Null: the configuration does not have the client any more. */
  owner: string | null;
  /** Its owner when it was held; null where it was nobody's. */
  ownerThen: string | null;
  /** Who issued its keys that are in use, or were when it was held. */
  issuers: readonly string[];
  /** Who last changed what it may do; null = not known (the files changed by themselves). */
  changedBy: string | null;
}>;

/** Why somebody may not approve. */
export type NotYou =
  | 'local'
  | 'itself'
  | 'owner'
  | 'owned-it'
  | 'changed-grants'
  | 'issued-key'
  | 'approved-already';

/** For people. */
export const notYou: Readonly<Record<NotYou, string>> = Object.freeze({
  local: 'only a person with a token approves, through a running gateway',
  itself: 'it is their own change',
  owner: 'owner of the client',
  'owned-it': 'owner of the client when it was held',
  'changed-grants': 'last changed what this client may do',
  'issued-key': "issued the client's key",
  'approved-already': 'approved already',
});

/** Everybody known who may not approve, and why. */
export const excluded = (
  behind: Behind,
  approvals: readonly Approval[],
): readonly Readonly<{ person: string; why: NotYou }>[] => [
  { person: behind.client, why: 'itself' },
  ...(behind.owner === null ? [] : [{ person: behind.owner, why: 'owner' } as const]),
  ...(behind.ownerThen === null || samePerson(behind.ownerThen, behind.owner ?? '')
    ? []
    : [{ person: behind.ownerThen, why: 'owned-it' } as const]),
  ...(behind.changedBy === null
    ? []
    : [{ person: behind.changedBy, why: 'changed-grants' } as const]),
  ...[...new Set(behind.issuers)].map((person) => ({ person, why: 'issued-key' }) as const),
  ...approvals.map(({ person }) => ({ person, why: 'approved-already' }) as const),
];

/** Why this person may not approve; null = they may. */
export const mayNotApprove = (
  person: Readonly<{ name: string; local: boolean }>,
  behind: Behind,
  approvals: readonly Approval[],
): NotYou | null => {
  // Whoever issued or applied something from the files is nobody who could be told from this one.
  if (person.local || samePerson(person.name, 'local')) return 'local';
  return (
    excluded(behind, approvals).find((one) => samePerson(one.person, person.name))?.why ?? null
  );
};

/** The hold with approvals set aside of those who may not give any by now: who issued a key since, say. */
export const withoutTheirs = (kept: KeptHold, behind: Behind, at: number): KeptHold => {
  const isTheirs = ({ person }: Approval): boolean =>
    mayNotApprove({ name: person, local: false }, behind, []) !== null;
  const theirs = kept.approvals.filter(isTheirs);
  if (theirs.length === 0) return kept;
  const others = kept.approvals.filter((given) => !isTheirs(given));
  return { ...voidApprovals({ ...kept, approvals: theirs }, 'their-own', at), approvals: others };
};

/** Approvals that it takes now: what was asked for when it was held, or more where its rules ask for more by now. */
export const neededOf = (
  row: Pick<HoldRow, 'by' | 'route' | 'tenant'>,
  { rules }: Pick<KeptHold, 'rules'>,
  snapshot: Pick<Snapshot, 'routes' | 'tenants'>,
): number => {
  const route = snapshot.routes.find(({ name }) => name === row.route);
  const guards = Object.hasOwn(snapshot.tenants, row.tenant)
    ? (snapshot.tenants[row.tenant]?.guards ?? [])
    : [];
  const asked = rules.map((rule) => {
    if (rule === `routes.${row.route}.approval`) return route?.approval?.by ?? 0;
    return guards.find(({ name }) => rule === `guards.${name}`)?.by ?? 0;
  });
  return Math.max(1, row.by, ...asked);
};

/** 12 hex digits that change with whatever an approval is given to. */
export const versionOf = (
  { mutation, beforeHash }: Pick<KeptHold, 'mutation' | 'beforeHash'>,
  configVersion: string,
): string =>
  createHash('sha256')
    .update(`${mutation}\n${beforeHash ?? ''}\n${configVersion}`)
    .digest('hex')
    .slice(0, 12);

/** The hold with approvals of another mutation, before-image or configuration set aside. */
export const withStanding = (kept: KeptHold, configVersion: string, at: number): KeptHold => {
  const stands = (given: Approval): boolean =>
    given.configVersion === configVersion &&
    given.mutation === kept.mutation &&
    given.before === kept.beforeHash;
  const standing = kept.approvals.filter(stands);
  if (standing.length === kept.approvals.length) return kept;
  const fallen = kept.approvals.filter((given) => !stands(given));
  const why = fallen.some((given) => given.configVersion !== configVersion)
    ? 'config-changed'
    : 'before-changed';
  return { ...voidApprovals({ ...kept, approvals: fallen }, why, at), approvals: standing };
};

/** The hold with one person's approval more. */
export const withApproval = (
  kept: KeptHold,
  person: string,
  configVersion: string,
  at: number,
): KeptHold => ({
  ...kept,
  approvals: [
    ...kept.approvals,
    { person, at, configVersion, mutation: kept.mutation, before: kept.beforeHash },
  ],
});
