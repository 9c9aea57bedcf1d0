/**
 * What people do about drift: see it, write again what the ledger says (through the passage, as any
 * mutation of a person: guards, protection, holds and freezes stand in its way), or accept what is there.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Json } from '../identity/json-value.ts';
import type { Mutation } from '../identity/operation.ts';
import { changeOfCheck } from '../identity/scim/merge-checks.ts';
import { foundAt, passes, type Check } from '../identity/scim/readback.ts';
import { attributeName } from '../identity/scim/schemas.ts';
import type { Change, Resource } from '../identity/scim/schema-model.ts';
import { isErrorMessage, provesAbsence, resourceOf } from '../identity/scim/target-resource.ts';
import {
  newRequestId,
  newSpanId,
  newTraceId,
  type HoldId,
  type LedgerId,
  type Random,
} from '../ids.ts';
import type { Doors, Outcome } from '../passage/doors.ts';
import { personActor } from '../passage/person.ts';
import type { CheckRow, CheckState, CheckStore } from './check-store.ts';
import { openRow, readNow, turnOf, type LookDeps, type Looked } from './look-again.ts';
import { rebuild } from './rebuild.ts';

/** A watched resource as it is listed: names of attributes, never values or ids of people. */
export type DriftListed = Readonly<{
  /** `drf_` and 32 hex digits. */
  id: string;
  state: CheckState;
  target: string;
  route: string;
  resourceType: string;
  /** Attributes that differ; `(missing)` or `(present)` where the resource as a whole does. */
  paths: readonly string[];
  /** Newest entry that changed it through the gateway. */
  entry: LedgerId;
  at: number;
  driftedAt: number | null;
  dueAt: number;
}>;

/** One value that must be found, and what is found there now. */
export type DriftShownValue = Readonly<{
  attribute: string;
  /** `equals`, `includes` among others, or `absent`. */
  must: Check['kind'];
  expected: Json | null;
  /** Null where nothing is there, or nobody looked. */
  found: Json | null;
  holds: boolean | null;
  entry: string;
}>;

export type DriftShown = DriftListed &
  Readonly<{
    resourceId: string;
    /** What the ledger says: it is there, or it was removed. */
    expected: 'there' | 'gone';
    /** What a read says now; `unread` where the target does not tell. */
    found: 'there' | 'gone' | 'unread';
    values: readonly DriftShownValue[];
  }>;

export type Reapplied = Readonly<{
  /** `holds`: nothing was to be done any more; `held`: it waits for people, as any change of its kind. */
  result: 'applied' | 'holds' | 'held' | 'in-doubt' | 'rejected' | 'not-sent';
  ledgerId: LedgerId | null;
  holdId: HoldId | null;
  attributes: readonly string[];
}>;

export interface DriftActs {
  list(query: Readonly<{ state?: CheckState; limit: number }>): Promise<readonly DriftListed[]>;
  show(id: string): Promise<DriftShown | Refusal>;
  reapply(id: string, person: string): Promise<Reapplied | Refusal>;
  /** Accepts what is found: nothing of what was expected is watched any more. */
  dismiss(id: string): Promise<Refusal | null>;
}

export type DriftActsDeps = Pick<LookDeps, 'clock' | 'keyRing' | 'snapshot'> &
  Readonly<{
    store: CheckStore;
    /** What reads and writes at targets; null where no gateway runs. */
    live: (LookDeps & Readonly<{ doors: Pick<Doors, 'pass'>; random: Random }>) | null;
  }>;

const idPattern = /^drf_([0-9a-f]{32})$/;
const unknown = refuse('value_invalid', 'Nothing of that id is watched.');
const noGateway = refuse(
  'not_supported',
  'Only a running gateway reads and writes at targets: say which one by --admin.',
);
const unread = refuse('target_unreachable', 'The target does not tell what it holds. Try again.');
const missingResource = refuse(
  'value_invalid',
  'The resource is gone at the target. Made anew it gets another id: let its source create it.',
);

const listed = (row: CheckRow): DriftListed => {
  const { key, state, target, route, resourceType, paths, entry, at, driftedAt, dueAt } = row;
  const names = paths === '' ? [] : paths.split(',');
  const about = { state, target, route, resourceType, entry, at, driftedAt, dueAt };
  return { id: `drf_${key.toString('hex')}`, ...about, paths: names };
};

/** What a read found: the resource, that it is gone, or nothing that can be trusted. */
type Found = Readonly<{ resource: Resource } | { gone: true }> | null;

const findNow = async (live: LookDeps, looked: Looked): Promise<Found> => {
  const turn = await turnOf(live, looked);
  if (turn === null) return null;
  try {
    const answer = await readNow(live, looked);
    if (answer === null) return null;
    if (answer.status === 404 && provesAbsence(answer)) return { gone: true };
    const read = answer.status === 200 && answer.readable && !isErrorMessage(answer.body);
    const resource = read ? resourceOf(answer, looked.type) : null;
    return resource === null ? null : { resource };
  } finally {
    turn.leave();
  }
};

const nameOf = ({ path: { filter: _filter, ...path } }: Check): string => attributeName(path);

const rowOf = async (store: CheckStore, id: string): Promise<CheckRow | null> => {
  const key = idPattern.exec(id)?.[1];
  return key === undefined ? null : store.read(Buffer.from(key, 'hex'));
};

/** A row that is still watched, opened. */
const openById = async (deps: DriftActsDeps, id: string): Promise<Looked | Refusal> => {
  const row = await rowOf(deps.store, id);
  if (row === null) return unknown;
  const looked = openRow(deps, row);
  return 'ended' in looked
    ? refuse('value_invalid', `It is not looked at any more: ${looked.ended}.`)
    : looked;
};

const shown = (looked: Looked, found: Found): DriftShown => {
  const { row, kept, type } = looked;
  const resource = found !== null && 'resource' in found ? found.resource : null;
  const values = kept.watched.map(({ check, entry }): DriftShownValue => ({
    attribute: nameOf(check),
    must: check.kind,
    expected: check.kind === 'absent' ? null : check.value,
    found: resource === null ? null : (foundAt(resource, check.path, type) ?? null),
    holds: resource === null ? null : passes(check, resource, type),
    entry,
  }));
  return {
    ...listed(row),
    resourceId: kept.id,
    expected: kept.gone === null ? 'there' : 'gone',
    found: found === null ? 'unread' : 'gone' in found ? 'gone' : 'there',
    values,
  };
};

/** What the ledger says of it now; what is kept where the ledger does not tell. */
const asLedgered = async (live: LookDeps, looked: Looked): Promise<Looked> => {
  const told = await rebuild(live.ledger, looked);
  return told.kind === 'told' ? { ...looked, kept: told.kept } : looked;
};

type Repair = Readonly<{ operation: Mutation; attributes: readonly string[] }>;

/** The mutation that writes what the ledger says; null where all of it is there. */
const repairOf = ({ kept, type }: Looked, found: NonNullable<Found>): Repair | Refusal | null => {
  const about = { type, id: kept.id, projection: {}, preconditions: {}, repairs: [] };
  if (kept.gone !== null) {
    if ('gone' in found) return null;
    return { operation: { verb: 'delete', ...about }, attributes: [] };
  }
  if ('gone' in found) return missingResource;
  const failed = kept.watched
    .map(({ check }) => check)
    .filter((check) => !passes(check, found.resource, type));
  if (failed.length === 0) return null;
  const changes: readonly Change[] = failed.map(changeOfCheck);
  const attributes = [...new Set(failed.map(nameOf))];
  return { operation: { verb: 'patch', ...about, changes }, attributes };
};

const send = (
  { doors, random, clock, snapshot }: NonNullable<DriftActsDeps['live']>,
  { route }: Looked,
  operation: Mutation,
  person: string,
): Promise<Outcome> => {
  const inForce = snapshot();
  const { listen, publicUrl } = inForce.server;
  return doors.pass({
    snapshot: inForce,
    route,
    actor: personActor(person, route),
    operation,
    origin: {
      requestId: newRequestId(random),
      traceId: newTraceId(clock.now(), random),
      spanId: newSpanId(random),
      callerRequestId: null,
      remote: '',
      idempotencyKey: null,
      publicBase: `${publicUrl || `http://${listen.host}:${listen.port}`}${route.path}`,
      abandoned: () => false,
    },
  });
};

const reapply = async (
  deps: DriftActsDeps,
  id: string,
  person: string,
): Promise<Reapplied | Refusal> => {
  const { live, clock, store } = deps;
  if (live === null) return noGateway;
  const opened = await openById(deps, id);
  if (isRefusal(opened)) return opened;
  if (opened.row.state !== 'drifted') {
    return refuse('value_invalid', 'It has not drifted, as far as is known.');
  }
  const looked = await asLedgered(live, opened);
  const found = await findNow(live, looked);
  if (found === null) return unread;
  const repair = repairOf(looked, found);
  if (isRefusal(repair)) return repair;
  if (repair === null) {
    const { row } = looked;
    // Looked at at once, by whoever looks; what holds is told there.
    const { state, round, driftedAt, paths } = row;
    const to = { state, round, driftedAt, paths, dueAt: clock.now() };
    await store.change(row.key, row.version, to);
    return { result: 'holds', ledgerId: null, holdId: null, attributes: [] };
  }
  const { reply, ledger, decision, holdId } = await send(live, looked, repair.operation, person);
  const { attributes } = repair;
  if (decision === 'hold') {
    return { result: 'held', ledgerId: null, holdId: holdId ?? null, attributes };
  }
  if (isRefusal(reply)) return reply;
  const result = ledger?.outcome ?? 'not-sent';
  return { result, ledgerId: ledger?.id ?? null, holdId: null, attributes };
};

const dismiss = async ({ store, clock }: DriftActsDeps, id: string): Promise<Refusal | null> => {
  for (let tries = 0; tries < 3; tries += 1) {
    const row = await rowOf(store, id);
    if (row === null) return unknown;
    const { key, version, round, driftedAt, paths } = row;
    const to = { state: 'dismissed', round, driftedAt, paths, dueAt: clock.now() } as const;
    if (await store.change(key, version, to)) return null;
  }
  return refuse('value_invalid', 'It changes just now. Look at it again.');
};

/** Makes the acts over the store; those at targets where a gateway runs. */
export const makeDriftActs = (deps: DriftActsDeps): DriftActs => ({
  list: async (query) => (await deps.store.list(query)).map(listed),
  show: async (id) => {
    const looked = await openById(deps, id);
    if (isRefusal(looked)) return looked;
    return shown(looked, deps.live === null ? null : await findNow(deps.live, looked));
  },
  reapply: (id, person) => reapply(deps, id, person),
  dismiss: (id) => dismiss(deps, id),
});
