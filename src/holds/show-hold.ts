/**
 * What people are shown of a hold: row, approvals and, for those who decide, what would change, one
 * attribute a line. Pure. Values leave as they are: whoever prints them escapes them.
 */
import { isArray, isObject, type Json } from '../identity/json-value.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import type { OutcomeRecord } from '../ledger/record.ts';
import { excluded, notYou, versionOf, type Behind } from './four-eyes.ts';
import type { HoldRow } from './hold-store.ts';
import type { KeptHold } from './kept-hold.ts';

/** One attribute: what it has now and would have. Of lists what would be added and removed. */
export type ShownChange = Readonly<{
  path: string;
  before?: Json;
  after?: Json;
  added?: readonly Json[];
  removed?: readonly Json[];
  /** Elements added or removed beyond those that are shown. */
  more?: number;
}>;

/** Changes shown of one hold, and elements of one list. */
const changesMax = 500;
const elementsMax = 1_000;

const text = (value: Json | undefined): string => JSON.stringify(value) ?? '';

/** Members of the core by name, those of extensions behind their URN. */
const flat = (resource: Resource | null): ReadonlyMap<string, Json> => {
  const out = new Map<string, Json>();
  for (const [name, value] of Object.entries(resource ?? {})) {
    if (value === undefined || name === 'meta') continue;
    const isExtension = name.toLowerCase().startsWith('urn:') && isObject(value);
    if (!isExtension) out.set(name, value);
    else {
      for (const [inner, each] of Object.entries(value)) {
        if (each !== undefined) out.set(`${name}:${inner}`, each);
      }
    }
  }
  return out;
};

const listChange = (path: string, before: readonly Json[], after: readonly Json[]): ShownChange => {
  const had = new Set(before.map(text));
  const has = new Set(after.map(text));
  const added = after.filter((each) => !had.has(text(each)));
  const removed = before.filter((each) => !has.has(text(each)));
  const more = [added, removed].reduce(
    (sum, { length }) => sum + Math.max(0, length - elementsMax),
    0,
  );
  return {
    path,
    added: added.slice(0, elementsMax),
    removed: removed.slice(0, elementsMax),
    ...(more === 0 ? {} : { more }),
  };
};

const changeOf = (path: string, before?: Json, after?: Json): ShownChange | null => {
  if (text(before) === text(after)) return null;
  const lists =
    (before === undefined || isArray(before)) && (after === undefined || isArray(after));
  if (lists) return listChange(path, before ?? [], after ?? []);
  return {
    path,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
};

/** From one resource to the other, by attribute, in order of their names; whole. */
export const diffShown = (before: Resource | null, after: Resource | null) => {
  const had = flat(before);
  const has = flat(after);
  const names = [...new Set([...had.keys(), ...has.keys()])].sort();
  return names
    .map((name) => changeOf(name, had.get(name), has.get(name)))
    .filter((change) => change !== null);
};

/**
 * What a hold would change. Where the resource is not known the mutation itself is shown: `diff` null.
 * `deletes`: it would be gone.
 */
const wouldChange = ({ operation, before, after }: KeptHold) => {
  const deletes = operation.verb === 'delete' && after === null;
  const known = before !== null || operation.verb === 'create';
  const written = operation.verb === 'patch' ? operation.changes : null;
  const diff = known ? diffShown(before, after) : null;
  return {
    deletes,
    diff: diff?.slice(0, changesMax) ?? null,
    /** Attributes that change beyond those that are shown. */
    more: Math.max(0, (diff?.length ?? 0) - changesMax),
    written: known ? null : operation.verb === 'replace' ? operation.resource : written,
  };
};

const backWords: ReadonlyMap<string, string> = new Map([
  ['before-changed', 'the resource changed since then'],
  ['mutation-changed', 'it would be another change by now'],
  ['config-changed', 'the configuration changed since then'],
  ['held-again', 'another rule holds it as well'],
  ['rejected', 'it was rejected'],
]);

/** Why approvals counted no more, in words; an error code stays one. */
export const saidWhy = (why: string): string => backWords.get(why) ?? why;

const iso = (at: number): string => new Date(at).toISOString();

/** A hold as it is listed: no values, nothing of what lies in the seal. */
export const listedHold = (row: HoldRow) => ({
  id: row.id,
  state: row.state,
  at: iso(row.at),
  expiresAt: iso(row.expiresAt),
  changedAt: iso(row.changedAt),
  client: row.client,
  route: row.route,
  target: row.target,
  tenant: row.tenant,
  actions: row.actions.split(','),
  resourceType: row.resourceType,
  rule: row.rule,
  batch: row.batch,
  calls: row.calls,
  by: row.by,
  entry: row.entry,
});

/** How the entry that released a hold ended, as the ledger knows it now. */
export type EntryEnd = Pick<OutcomeRecord, 'outcome' | 'settledBy'>;

/** The name people know it by; of a create, the one it is to have. */
const nameOf = ({ before, after }: KeptHold): string | null => {
  const resource = before ?? after;
  const name = resource?.['userName'] ?? resource?.['displayName'];
  return typeof name === 'string' ? name : null;
};

/** Whom it is about; for those who may see values. */
export const subjectOf = (kept: KeptHold) => ({
  type: kept.operation.type,
  id: 'id' in kept.operation ? (kept.operation.id ?? null) : null,
  name: nameOf(kept),
});

/** A hold whole. `values`: whoever looks may see what it writes. */
export const shownHold = (
  row: HoldRow,
  kept: KeptHold,
  about: Readonly<{
    behind: Behind;
    needed: number;
    configVersion: string;
    values: boolean;
    entryEnd: EntryEnd | null;
  }>,
) => {
  const { behind, values } = about;
  return {
    ...listedHold(row),
    outcome: about.entryEnd?.outcome ?? null,
    settledBy: about.entryEnd?.settledBy ?? null,
    version: versionOf(kept, about.configVersion),
    operation: kept.operation.verb,
    resource: values ? subjectOf(kept) : { type: kept.operation.type, id: null, name: null },
    rules: kept.rules,
    heldUnder: kept.configVersion,
    traceId: kept.origin.traceId,
    requestId: kept.origin.requestId,
    reverses: kept.reverses,
    passwordDropped: kept.passwordDropped,
    needs: about.needed,
    approvals: kept.approvals.map(({ person, at }) => ({ person, at: iso(at) })),
    voided: kept.voided.map(({ at, why, by }) => ({
      at: iso(at),
      why,
      by: by.map((one) => ({ person: one.person, at: iso(one.at) })),
    })),
    end: kept.end === null ? null : { ...kept.end, at: iso(kept.end.at) },
    mayNotApprove: excluded(behind, kept.approvals).map(({ person, why }) => ({
      person,
      why: notYou[why],
    })),
    grantsChangedBy: behind.changedBy ?? 'not known: the files changed without `config apply`',
    change: values ? wouldChange(kept) : null,
  };
};
