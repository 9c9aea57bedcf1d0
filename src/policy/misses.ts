/**
 * Why a grant does not cover an action, in the order of how close it came, with the public words for
 * each. A denial reports the miss that came closest. Used by decide.ts only.
 */
import type { Action, AttributeName } from '../identity/operation.ts';
import { governedBy, wordOf } from './actions.ts';
import type { CompiledGrant, CompiledRule, Denial } from './decision.ts';

/** One grant's failure to cover one action. */
export type Miss = Readonly<{
  kind: MissKind;
  action: Action;
  /** Null where the client holds nothing at all. */
  grant: CompiledGrant | null;
  rule: CompiledRule | null;
  /** Attributes outside the rule; empty for other kinds. */
  names: readonly AttributeName[];
}>;

type MissRow = Readonly<{
  /** Higher came closer. */
  closeness: number;
  code: Denial['code'];
  rule(miss: Miss): string;
  detail(miss: Miss): string;
}>;

/** The rule named where nothing that was written speaks of the action. */
export const closedByDefault = 'closed-by-default';

const ask = "Ask the client's owner";

/** What looks harmless and gives rights all the same is told as such, or nobody would understand it. */
const notGranted = (action: Action): string =>
  action === 'users:entitle'
    ? `This client was not granted ${action} on this route, and this change touches what gives rights. ${ask} for it.`
    : `This client was not granted ${action} on this route. ${ask} for it.`;

const ruleName = ({ rule, grant }: Miss): string => rule?.name ?? grant?.name ?? closedByDefault;

const rows = {
  nothing: {
    closeness: 0,
    code: 'action_denied',
    rule: ruleName,
    detail: ({ action }) => notGranted(action),
  },
  action: {
    closeness: 1,
    code: 'action_denied',
    rule: (miss) => (miss.rule === null ? ruleName(miss) : `${miss.rule.name}.actions`),
    detail: ({ action }) => notGranted(action),
  },
  ended: {
    closeness: 2,
    code: 'action_denied',
    rule: ({ grant }) => (grant === null ? closedByDefault : `${grant.name}.until`),
    detail: ({ action }) => `The grant of ${action} to this client has ended. ${ask} to renew it.`,
  },
  group: {
    closeness: 3,
    code: 'action_denied',
    rule: (miss) => `${ruleName(miss)}.only/except`,
    detail: ({ action }) =>
      `This client was granted ${action} only for certain ${wordOf(action)}, and this is none of them. ${ask} which.`,
  },
  attribute: {
    closeness: 4,
    code: 'attribute_denied',
    rule: (miss) => `${ruleName(miss)}.${governedBy(miss.action) ?? 'write'}`,
    detail: ({ action, names }) =>
      `This client may not ${governedBy(action) ?? 'write'} ${listed(names)} with ${action}. ` +
      `Leave out what is not needed, or ask the client's owner.`,
  },
  condition: {
    closeness: 5,
    code: 'condition_denied',
    rule: (miss) => `${ruleName(miss)}.when`,
    detail: ({ action }) =>
      `This client was granted ${action} under a condition that does not hold for this change. ${ask} which.`,
  },
  facts: {
    closeness: 6,
    code: 'internal',
    rule: (miss) => `${ruleName(miss)}.when`,
    detail: () => 'The condition of the grant could not be judged now. Send the call again later.',
  },
} as const satisfies Record<string, MissRow>;

export type MissKind = keyof typeof rows;

/** The closer of two misses; the first where both came equally close. */
export const closer = (one: Miss | null, other: Miss): Miss =>
  one === null || rows[other.kind].closeness > rows[one.kind].closeness ? other : one;

/** A miss in public words. */
export const denialOf = (miss: Miss): Denial => {
  const row: MissRow = rows[miss.kind];
  return { code: row.code, rule: row.rule(miss), detail: row.detail(miss) };
};

const namesShownMax = 5;
const nameLengthMax = 100;

/** Names of attributes for a public text: resolved ones, few, and never a control character. */
const listed = (names: readonly AttributeName[]): string => {
  const shown = names
    .slice(0, namesShownMax)
    .map((name) => name.replace(/[\p{Cc}\p{Cf}]/gu, '').slice(0, nameLengthMax))
    .join(', ');
  const more = names.length - namesShownMax;
  return more > 0 ? `${shown} and ${more} more` : shown;
};
