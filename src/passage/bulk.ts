/**
 * A Bulk (RFC 7644 §3.7), always unrolled: each operation goes to the target as a single call, through
 * the ordinary passage with its own turn, limits, ledger entry and doubt. Sent on as one call it would
 * put all of its entries in doubt at once, and targets advertise Bulk and answer 501 (T38). It is
 * decided whole first: if one operation may not pass, nothing is sent. What depends on a failed
 * operation is answered 409 and not sent.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Change } from '../identity/scim/schema-model.ts';
import {
  detachReferences,
  planBulk,
  resolveChanges,
  resolveReferences,
  type PlannedOperation,
} from '../identity/scim/bulk-references.ts';
import type { Mutation } from '../identity/operation.ts';
import type { Presented } from '../identity/scim/present.ts';
import { quoted } from '../identity/scim/reading.ts';
import type { BulkOutcome, BulkPassage, BulkResult, Outcome, Passage, Tried } from './doors.ts';
import { foresee } from './bulk-foresee.ts';
import { turnAway, type PassageDeps } from './exits.ts';
import { beginJourney, endJourney } from './journey.ts';

/** Milliseconds for a whole Bulk; what has not begun by then is answered 503 and not sent. */
const bulkMsMax = 120_000;

type Create = Extract<Mutation, { verb: 'create' }>;

/** A resource that was made and waits for the references of its circle. */
type Open = Readonly<{
  planned: PlannedOperation;
  operation: Create;
  changes: readonly Change[];
  id: string;
  reply: Presented;
  ledger: Outcome['ledger'];
}>;

type Running = {
  readonly deps: PassageDeps;
  readonly passage: BulkPassage;
  readonly passOne: (passage: Passage) => Promise<Outcome>;
  /** Monotonic ms. */
  readonly deadline: number;
  /** Ids of what was made, by bulkId. */
  readonly ids: Map<string, string>;
  /** bulkIds whose POST has ended, whatever came of it. */
  readonly ended: Set<string>;
  open: readonly Open[];
  readonly results: BulkResult[];
  readonly tried: Tried[];
  errors: number;
};

const late = refuse(
  'target_overloaded',
  `The Bulk took longer than ${bulkMsMax / 1_000} seconds, so this operation was not sent. Send it again.`,
);

const namesMax = 3;

/** What was referred to and is not there, as a detail names it. */
const named = (bulkIds: readonly string[]): string => {
  const names = bulkIds.slice(0, namesMax).map(quoted);
  return bulkIds.length > namesMax ? `${names.join(', ')} and others` : names.join(', ');
};

const dangling = (bulkIds: readonly string[]): Refusal =>
  refuse(
    'reference_unresolved',
    `This operation was not sent: nothing was made under the bulkId ${named(bulkIds)}.`,
  );

const circular = refuse(
  'reference_unresolved',
  'This operation was not sent: it stands in a circle of references, and its own cannot be added later.',
);

const nameless = refuse(
  'reference_unresolved',
  'The target does not say under which id it made this, so its circular reference was not added.',
);

const incomplete = (bulkIds: readonly string[]): Refusal =>
  refuse(
    'reference_unresolved',
    `The resource was made, but not its reference to ${named(bulkIds)}: nothing was made there.`,
  );

const isLate = ({ deps, deadline }: Running): boolean => deps.clock.monotonic() >= deadline;

/** Why an operation cannot be sent at all, or null. */
const obstacle = (running: Running, { needs, stuck }: PlannedOperation): Refusal | null => {
  if (isLate(running)) return late;
  const missing = needs.filter((bulkId) => !running.ids.has(bulkId));
  if (missing.length > 0) return dangling(missing);
  return stuck ? circular : null;
};

/** A defect in one operation must not hide what became of the others. */
const failed = (deps: PassageDeps, single: Passage, cause: unknown): Outcome => {
  deps.observer.note('error', 'bulk.failed', { requestId: single.origin.requestId, cause });
  return endJourney(
    beginJourney(single),
    refuse('internal', 'It is not known whether this operation was made. Read the resource first.'),
  );
};

/** One mutation through the passage, or turned away before it; `part` tells it from the others. */
const tryOne = async (
  running: Running,
  part: string,
  operation: Mutation,
  refusal: Refusal | null,
): Promise<Outcome> => {
  const { deps, passage, passOne } = running;
  const { idempotencyKey } = passage.origin;
  // One key for the whole would be another operation's key for each but the first.
  const key = idempotencyKey === null ? null : `${idempotencyKey} ${part}`;
  const origin = { ...passage.origin, idempotencyKey: key };
  const single: Passage = { ...passage, operation, origin };
  const startedAt = deps.clock.now();
  const outcome =
    refusal === null
      ? await passOne(single).catch((cause: unknown) => failed(deps, single, cause))
      : turnAway(deps, beginJourney(single), refusal);
  running.tried.push({ outcome, startedAt, endedAt: deps.clock.now() });
  return outcome;
};

const answer = (running: Running, result: BulkResult): void => {
  running.results.push(result);
  if (isRefusal(result.reply)) running.errors += 1;
};

const createdId = (operation: Mutation, reply: Outcome['reply']): string | null => {
  if (operation.verb !== 'create') return operation.id;
  const id = isRefusal(reply) ? undefined : reply.body?.['id'];
  return typeof id === 'string' ? id : null;
};

/** A resource whose later changes were made as well: only the last version of it is true. */
const withVersionOf = (made: Presented, last: Presented): Presented => {
  const { ETag: _stale, ...headers } = made.headers;
  const tag = last.headers['ETag'];
  return {
    ...made,
    headers: tag === undefined ? headers : { ...headers, ETag: tag },
    body: last.body,
  };
};

/** Adds the references of a circle to a resource that was made without them. */
const complete = async (running: Running, open: Open): Promise<void> => {
  const { planned, operation, changes, id } = open;
  const patch = resolveChanges(operation, id, changes, running.ids);
  const stopped = isLate(running) ? late : null;
  const outcome =
    patch.changes.length === 0
      ? null
      : await tryOne(running, `${planned.of.position} references`, patch, stopped);
  const missing = planned.later.filter((bulkId) => !running.ids.has(bulkId));
  let reply: Outcome['reply'] = open.reply;
  if (outcome !== null && isRefusal(outcome.reply)) {
    const detail = `The resource was made, but not its reference: ${outcome.reply.detail}`;
    reply = { ...outcome.reply, detail };
  } else if (missing.length > 0) reply = incomplete(missing);
  else if (outcome !== null) reply = withVersionOf(open.reply, outcome.reply as Presented);
  const completion = outcome?.ledger ?? null;
  answer(running, { of: planned.of, reply, id, ledger: open.ledger, completion, made: true });
};

const completeReady = async (running: Running, all: boolean): Promise<void> => {
  const isReady = ({ planned }: Open): boolean =>
    all || planned.later.every((bulkId) => running.ended.has(bulkId));
  const ready = running.open.filter(isReady);
  running.open = running.open.filter((each) => !isReady(each));
  for (const open of ready) await complete(running, open);
};

/** The operation as it is sent now: without the references of its circle. */
const detached = ({ of, later }: PlannedOperation) =>
  of.operation.verb === 'create'
    ? detachReferences(of.operation, later)
    : { operation: of.operation, changes: [] };

const carryOut = async (running: Running, planned: PlannedOperation): Promise<void> => {
  const { of, later } = planned;
  const stopped = obstacle(running, planned);
  const { operation, changes } = detached(planned);
  const sent = stopped === null ? resolveReferences(operation, running.ids) : of.operation;
  const { reply, ledger } = await tryOne(running, `${of.position}`, sent, stopped);
  const id = stopped === null ? createdId(sent, reply) : null;
  if (of.operation.verb === 'create' && of.bulkId !== null) {
    running.ended.add(of.bulkId);
    if (!isRefusal(reply) && id !== null) running.ids.set(of.bulkId, id);
  }
  const made = later.length > 0 && !isRefusal(reply);
  if (made && id !== null && operation.verb === 'create') {
    running.open = [...running.open, { planned, operation, changes, id, reply, ledger }];
  } else {
    answer(running, { of, reply: made ? nameless : reply, id, ledger, completion: null, made });
  }
  await completeReady(running, false);
};

/** A Bulk, from its operations to what came of each. Rejects only on a defect. */
export const passBulk = async (
  deps: PassageDeps,
  passage: BulkPassage,
  passOne: (passage: Passage) => Promise<Outcome>,
): Promise<BulkOutcome | Refusal> => {
  const plan = planBulk(passage.bulk.operations);
  if (isRefusal(plan)) return plan;
  const deadline = deps.clock.monotonic() + bulkMsMax;
  const { refused, foreseen } = await foresee(deps, passage, plan, deadline);
  const running: Running = {
    deps,
    passage,
    passOne,
    deadline,
    ids: new Map(),
    ended: new Set(),
    open: [],
    results: [],
    tried: [],
    errors: 0,
  };
  for (const planned of refused === null ? plan : []) {
    if (running.errors >= passage.bulk.errorsMax || passage.origin.abandoned()) break;
    await carryOut(running, planned);
  }
  await completeReady(running, true);
  const results = running.results.sort((a, b) => a.of.position - b.of.position);
  return { refused, results, tried: running.tried, foreseen };
};
