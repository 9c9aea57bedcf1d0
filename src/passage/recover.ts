/**
 * Settles doubt. A time-out and a crash are the same case: an entry without a final outcome is left
 * alone for the target's `settleAfter`, then read back twice while holding the resource's turn. It
 * becomes `applied` only if both reads hold every written value, the before-image did not (a created
 * resource is as young as the call), and no other change of the same resource could explain it.
 * Otherwise it stays in doubt, loudly: nothing read can prove that a late write will not still arrive.
 */
import type { Answer, Call } from '../identity/call.ts';
import {
  compareReadBack,
  isCreatedSince,
  locate,
  readBackId,
  readBackResource,
  type Expected,
} from '../identity/scim/readback.ts';
import type { Action } from '../identity/operation.ts';
import type { Change, Resource, ResourceType } from '../identity/scim/schema-model.ts';
import type { LedgerId, TraceId } from '../ids.ts';
import type { OpenEntry } from '../ledger/ledger.ts';
import type { IntentBody, LedgerRow } from '../ledger/record.ts';
import type { Route, Snapshot, Target } from '../snapshot.ts';
import { tellStands } from './aftermath.ts';
import type { Recovered } from './doors.ts';
import type { PassageDeps } from './exits.ts';
import { createKey, resourceKey } from './normalise.ts';
import { readAside } from './read-aside.ts';

/** Doubts remembered at once; beyond them the next start finds the rest in the ledger. */
const doubtsMax = 10_000;
/** Doubts settled in one round. */
const roundMax = 64;
/** Reads of a target that does not answer, before the entry is left in doubt for good. */
const triesMax = 4;
/** Milliseconds between the two reads, so that a stale replica has a chance to be found out. */
const betweenReadsMs = 1_000;
/** Entries of the same resource looked through; with more of them nothing is claimed. */
const rivalsMax = 500;
/** Open entries read at once at the start. */
const pageSize = 1_000;
/** How late an earlier change in doubt may still arrive, ms. */
const lateMs = 3_600_000;

type Doubt = { readonly id: LedgerId; dueAt: number; tries: number };

/** What one look at a doubt came to. */
type Verdict = 'applied' | 'left' | 'again';

export type Recovery = Readonly<{
  /**
   * Loads what an earlier life, or the dead gateway that wrote the chain `writer`, left open, and
   * records it as in doubt.
   */
  load(writer?: string): Promise<number>;
  /** Remembers an entry that ended in doubt. */
  add(id: LedgerId, settleAfterMs: number): void;
  round(): Promise<Recovered>;
}>;

type Found = Readonly<{
  row: LedgerRow;
  body: IntentBody;
  target: Target;
  route: Route;
  type: ResourceType;
  expected: Expected;
  call: Call;
}>;

const typeNamed = (route: Route | undefined, row: LedgerRow): ResourceType | null => {
  const types = Object.values(route?.types ?? {});
  return types.find(({ name }) => name === row.resource.type) ?? null;
};

const find = async (deps: RecoveryDeps, id: LedgerId): Promise<Found | null> => {
  const shown = await deps.ledger.show(id);
  const snapshot = deps.snapshot();
  if (shown === null || shown.body === null) return null;
  const { row, body } = shown;
  const target = Object.hasOwn(snapshot.targets, row.target) ? snapshot.targets[row.target] : null;
  const route = snapshot.routes.find(({ name }) => name === row.route);
  const type = typeNamed(route, row);
  if (target === null || target === undefined || type === null || body.expected === null) {
    return null;
  }
  if (route === undefined) return null;
  // Another system under the old name proves nothing of this one.
  if (target.tenant !== row.tenant) return null;
  const expected = body.expected as Expected;
  const call = locate(expected, type);
  if (call === 'unlocatable') return null;
  return { row, body, target, route, type, expected, call };
};

/** Names under which later changes of the same resource stand in the ledger. */
const subjectsOf = ({ body, expected }: Found): readonly string[] => {
  if (expected.kind !== 'created') return [expected.id];
  return [...new Set([expected.by.value, body.subject ?? expected.by.value])];
};

/**
 * Could another change explain what is read? A later one of the same resource that may have reached
 * the target; an earlier one that is in doubt itself and may have arrived late; or one so shortly
 * before that a stale read may have hidden it from the before-image.
 */
const hasRival = async (deps: RecoveryDeps, found: Found): Promise<boolean> => {
  const { row } = found;
  const at = Date.parse(row.at);
  const staleSince = at - found.target.settings.settleAfter;
  const isRival = (other: LedgerRow): boolean =>
    other.id !== row.id &&
    other.decision === 'allow' &&
    (Date.parse(other.at) >= staleSince ? mayHaveReached(other) : isDoubtful(other));
  for (const subject of subjectsOf(found)) {
    const query = {
      target: row.target,
      subject,
      since: Math.min(at - lateMs, staleSince),
      limit: rivalsMax,
    };
    const rows = await deps.ledger.list(query);
    if (rows.length >= rivalsMax || rows.some(isRival)) return true;
  }
  return false;
};

const mayHaveReached = ({ outcome }: LedgerRow): boolean =>
  outcome !== 'not-sent' && outcome !== 'rejected';
const isDoubtful = ({ outcome }: LedgerRow): boolean => outcome === 'in-doubt' || outcome === null;

const keyOf = ({ target, type, expected }: Found): string =>
  expected.kind === 'created'
    ? createKey(target.tenant, type.word, expected.by.value)
    : resourceKey(target.tenant, type.word, expected.id);

export type RecoveryDeps = PassageDeps & Readonly<{ snapshot(): Snapshot }>;

const pause = (deps: RecoveryDeps, ms: number): Promise<void> =>
  new Promise((resolve) => {
    deps.clock.after(ms, resolve);
  });

/** Two reads under the resource's turn. */
const look = async (deps: RecoveryDeps, found: Found): Promise<Verdict> => {
  const turn = await deps.turns.enter([keyOf(found)], {
    deadline: deps.clock.monotonic() + found.target.settings.limits.wait,
    abandoned: null,
    revocation: false,
    shared: found.route.turns === 'shared',
  });
  if ('refused' in turn) return 'again';
  try {
    if (await hasRival(deps, found)) return 'left';
    const before = found.body.before as Resource | null;
    let last: Answer | null = null;
    for (const wait of [0, betweenReadsMs]) {
      if (wait > 0) await pause(deps, wait);
      const answer = await readAside(deps, found.target, found.call);
      if (answer === null) return 'again';
      const verdict = compareReadBack(found.expected, before, answer, found.type);
      if (verdict === 'unreadable') return 'again';
      if (verdict !== 'holds') return 'left';
      const ageMs = deps.clock.now() - Date.parse(found.row.at);
      if (!isCreatedSince(found.expected, answer, found.type, ageMs)) return 'left';
      last = answer;
    }
    settleApplied(deps, found, last as Answer);
    return 'applied';
  } finally {
    turn.leave();
  }
};

const settleApplied = (deps: RecoveryDeps, found: Found, answer: Answer): void => {
  const { row, body, target, route, type, expected } = found;
  const entry = row.id as LedgerId;
  const at = deps.clock.now();
  const resourceId = readBackId(expected, answer, type);
  deps.ledger.settle({
    kind: 'outcome',
    at,
    entry,
    outcome: 'applied',
    settledBy: 'read-back',
    status: answer.status,
    code: null,
    resourceId,
    attempts: 0,
  });
  tell(deps, found, 'applied', 'read-back');
  tellStands(deps.safeguards, {
    route,
    target,
    client: row.client,
    entry,
    at,
    actions: row.actions as readonly Action[],
    type,
    resourceId,
    expected,
    before: body.before as Resource | null,
    after: readBackResource(expected, answer, type),
    changes: Array.isArray(body.changes) ? (body.changes as readonly Change[]) : null,
  });
};

const tell = (
  deps: RecoveryDeps,
  { row }: Pick<Found, 'row'>,
  outcome: string,
  settledBy: string,
): void =>
  deps.observer.doubtSettled({
    ledgerId: row.id as LedgerId,
    traceId: row.traceId as TraceId,
    target: row.target,
    outcome,
    settledBy,
  });

/** Looks at one doubt, and says loudly when it is left. */
const settleDoubt = async (deps: RecoveryDeps, doubt: Doubt): Promise<Verdict> => {
  const found = await find(deps, doubt.id);
  if (found === null) {
    deps.observer.note('error', 'doubt.left', { ledgerId: doubt.id, why: 'cannot be read back' });
    return 'left';
  }
  const verdict = await look(deps, found);
  const last = doubt.tries + 1 >= triesMax;
  if (verdict === 'left' || (verdict === 'again' && last)) {
    deps.observer.note('error', 'doubt.left', {
      ledgerId: doubt.id,
      target: found.row.target,
      why: verdict === 'left' ? 'the resource does not prove it' : 'the target cannot be read',
    });
    tell(deps, found, 'in-doubt', 'read-back');
    return 'left';
  }
  return verdict;
};

/**
 * Every entry without a final outcome, of all chains or of one: old doubts that are left for good never
 * hide a fresh one.
 */
const loadOpen = async (
  deps: RecoveryDeps,
  add: Recovery['add'],
  writer: string | undefined,
): Promise<number> => {
  let found = 0;
  let page = await deps.ledger.unsettled(pageSize, { writer });
  while (page.length > 0) {
    found += page.length;
    loadPage(deps, add, page);
    page = await deps.ledger.unsettled(pageSize, { writer, after: page.at(-1)?.id });
  }
  return found;
};

const loadPage = (deps: RecoveryDeps, add: Recovery['add'], page: readonly OpenEntry[]): void => {
  const snapshot = deps.snapshot();
  for (const { id, intent, outcome } of page) {
    if (outcome === null) {
      deps.ledger.settle({
        kind: 'outcome',
        at: deps.clock.now(),
        entry: id,
        outcome: 'in-doubt',
        settledBy: 'crash',
        status: null,
        code: null,
        resourceId: null,
        attempts: 0,
      });
    }
    const target = Object.hasOwn(snapshot.targets, intent.target)
      ? snapshot.targets[intent.target]
      : undefined;
    if (target !== undefined) {
      const age = Math.max(0, deps.clock.now() - intent.at);
      add(id, Math.max(0, target.settings.settleAfter - age));
    }
  }
};

/** Makes the memory of doubts, empty until `load`. */
export const makeRecovery = (deps: RecoveryDeps): Recovery => {
  const doubts = new Map<LedgerId, Doubt>();
  /** Chains whose open entries could not be read when they were taken over. */
  const unread = new Set<string>();
  let running: Promise<Recovered> | null = null;

  const add = (id: LedgerId, settleAfterMs: number): void => {
    if (doubts.size >= doubtsMax) return;
    doubts.set(id, { id, dueAt: deps.clock.monotonic() + settleAfterMs, tries: 0 });
  };
  const handle = async (doubt: Doubt): Promise<Verdict> => {
    // Another gateway took the entry over meanwhile.
    if (!deps.ledger.answersFor(doubt.id)) {
      doubts.delete(doubt.id);
      return 'left';
    }
    const verdict = await settleDoubt(deps, doubt).catch((cause: unknown): Verdict => {
      const last = doubt.tries + 1 >= triesMax;
      const event = last ? 'doubt.left' : 'doubt.failed';
      deps.observer.note(last ? 'error' : 'warn', event, { ledgerId: doubt.id, cause });
      return 'again';
    });
    if (verdict === 'again' && doubt.tries + 1 < triesMax) {
      doubt.tries += 1;
      doubt.dueAt = deps.clock.monotonic() + 30_000 * 2 ** doubt.tries;
    } else doubts.delete(doubt.id);
    return verdict;
  };
  const load = async (writer?: string): Promise<number> => {
    try {
      return await loadOpen(deps, add, writer);
    } catch (error) {
      if (writer !== undefined) unread.add(writer);
      throw error;
    }
  };
  const runRound = async (): Promise<Recovered> => {
    const again = [...unread];
    unread.clear();
    for (const writer of again) {
      await load(writer).catch(() => undefined);
    }
    const now = deps.clock.monotonic();
    const due = [...doubts.values()].filter(({ dueAt }) => dueAt <= now).slice(0, roundMax);
    const verdicts = await Promise.all(due.map(handle));
    const applied = verdicts.filter((verdict) => verdict === 'applied').length;
    return { seen: due.length, applied, stillInDoubt: due.length - applied };
  };
  return {
    add,
    load,
    round: () => {
      running ??= runRound().finally(() => {
        running = null;
      });
      return running;
    },
  };
};
