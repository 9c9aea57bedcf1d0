/**
 * What the ledger recorded of a request, and what today's configuration would decide of the same
 * operation with the same current resource. A body that was never kept (denials) or is pruned
 * cannot be judged again; then it says so. Pure.
 */
import { isObject, type Json } from '../identity/json-value.ts';
import type { Mutation } from '../identity/operation.ts';
import type { Change, Resource, ResourceType } from '../identity/scim/schema-model.ts';
import type { IntentBody, LedgerRow, OutcomeRecord } from '../ledger/record.ts';
import { judge } from '../policy/decide.ts';
import type { Client, Route, Snapshot } from '../snapshot.ts';
import {
  clientNamed,
  deniedFacts,
  explainOperation,
  grantsOf,
  masked,
  shownChanges,
  type Facts,
  type ShownCall,
} from './explain.ts';

/** What `ledger.show` gives; from the list alone, `body` is null and `outcomes` empty. */
export type Recorded = Readonly<{
  row: LedgerRow;
  body: IntentBody | null;
  outcomes: readonly OutcomeRecord[];
}>;

/** The JSON that `explain --ledger` and `--request` print. */
export type RecordFacts = Readonly<{
  entry: LedgerRow;
  decision: LedgerRow['decision'];
  code: string | null;
  rule: string;
  /** Canonical changes, or the whole resource of a create or PUT; null where none is kept. */
  changes: unknown;
  before: unknown;
  calls: readonly ShownCall[];
  outcomes: readonly OutcomeRecord[];
  /** What today's configuration would decide; null where it cannot be told, for `todayUnknown`. */
  today: Facts | null;
  todayUnknown: string | null;
  /** Would it be decided otherwise today? Null where that cannot be told. */
  differs: boolean | null;
}>;

/** Stands for a secret that is never kept: that it was written counts, not what. */
const unknownSecret = '********';

const withSecret = (resource: Resource): Resource =>
  resource['password'] === null ? { ...resource, password: unknownSecret } : resource;

const withSecretChange = (change: Change): Change =>
  change.path.attribute === 'password' && 'value' in change && change.value === null
    ? { ...change, value: unknownSecret }
    : change;

/** The operation as it was recorded, or null where what is kept does not make one. */
const operationOf = (row: LedgerRow, body: IntentBody, type: ResourceType): Mutation | null => {
  const common = { type, repairs: [], projection: {} } as const;
  const changes = body.changes as Json | undefined;
  if (row.operation === 'create') {
    return isObject(changes) ? { ...common, verb: 'create', resource: withSecret(changes) } : null;
  }
  const { id } = row.resource;
  if (id === null) return null;
  const one = { ...common, id, preconditions: {} } as const;
  if (row.operation === 'delete') return { ...one, verb: 'delete' };
  if (row.operation === 'patch' && Array.isArray(changes)) {
    const recorded = changes as unknown as readonly Change[];
    return { ...one, verb: 'patch', changes: recorded.map(withSecretChange) };
  }
  return row.operation === 'replace' && isObject(changes)
    ? { ...one, verb: 'replace', resource: withSecret(changes) }
    : null;
};

type Today = Readonly<{ facts: Facts }> | Readonly<{ unknown: string }>;

type Parts = Readonly<{
  snapshot: Snapshot;
  route: Route;
  client: Client;
  type: ResourceType | null;
}>;

const partsOf = (snapshot: Snapshot | null, row: LedgerRow): Parts | string => {
  if (snapshot === null) return 'The route file does not load.';
  const route = snapshot.routes.find(({ name }) => name === row.route);
  if (route === undefined) return `There is no route ${row.route} today.`;
  const client = clientNamed(snapshot, row.client);
  if (client === undefined) return `There is no client ${row.client} today.`;
  const type = Object.values(route.types).find(({ name }) => name === row.resource.type) ?? null;
  return { snapshot, route, client, type };
};

/** A denial keeps its actions only: whether they are granted today is all that can be told. */
const denialToday = ({ route, client, type }: Parts, row: LedgerRow, now: number): Today => {
  const effects = row.actions.map((action) => ({
    action: action as `${string}:${string}`,
    attributes: [],
  }));
  const grants = grantsOf(route, client);
  const denial =
    effects.length === 0 ? null : judge(grants, { type, effects, client: client.name, now });
  return denial === null
    ? { unknown: 'Its actions are granted, but a denial keeps no body to judge again.' }
    : { facts: deniedFacts({ client: client.name, route }, denial) };
};

const decideToday = (recorded: Recorded, snapshot: Snapshot | null, now: number): Today => {
  const { row, body } = recorded;
  const parts = partsOf(snapshot, row);
  if (typeof parts === 'string') return { unknown: parts };
  if (row.decision === 'deny') return denialToday(parts, row, now);
  const { type } = parts;
  if (type === null) return { unknown: `The route serves no ${row.resource.type} today.` };
  if (body === null || body.call.method === '') {
    return { unknown: 'The body of this entry is sealed for this role, or no longer kept.' };
  }
  const operation = operationOf(row, body, type);
  if (operation === null) return { unknown: 'What is kept of this operation does not make it.' };
  const kept = body.before as Json | undefined;
  const before = isObject(kept) ? kept : null;
  return { facts: explainOperation({ ...parts, operation, before }, now) };
};

const shownBody = (body: unknown): unknown => {
  if (typeof body !== 'string') return body;
  try {
    return masked(JSON.parse(body));
  } catch {
    return null;
  }
};

const callsOf = (body: IntentBody | null): readonly ShownCall[] => {
  if (body === null || body.call.method === '') return [];
  return (body.calls ?? [body.call]).map(({ method, path, query, body: sent }) => ({
    method,
    path: query === '' ? path : `${path}?${query}`,
    body: shownBody(sent),
  }));
};

/** Explains an entry; `snapshot` is today's configuration, null where it does not load. */
export const explainRecord = (
  recorded: Recorded,
  snapshot: Snapshot | null,
  now: number,
): RecordFacts => {
  const { row, body, outcomes } = recorded;
  const today = decideToday(recorded, snapshot, now);
  const facts = 'facts' in today ? today.facts : null;
  const told = facts !== null && facts.decision !== 'unknown';
  const changes = body?.changes ?? null;
  return {
    entry: row,
    decision: row.decision,
    code: row.code,
    rule: row.rule,
    changes: Array.isArray(changes) ? shownChanges(changes as readonly Change[]) : changes,
    before: body?.before ?? null,
    calls: callsOf(body),
    outcomes,
    today: facts,
    todayUnknown: 'unknown' in today ? today.unknown : told ? null : (facts?.detail ?? null),
    differs: told ? facts.decision !== row.decision : null,
  };
};
