/**
 * One look at a watched resource, under its turn, so that no change of ours is under way: does the target
 * still hold what the ledger says? What differs is told by the ledger anew, and read a second time, before
 * it counts; a target that cannot be read never counts.
 */
import type { Clock } from '../clock.ts';
import type { Answer } from '../identity/call.ts';
import {
  compareReadBack,
  differingPaths,
  type Comparison,
  type Expected,
} from '../identity/scim/readback.ts';
import { readCall } from '../identity/scim/print.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Limiter } from '../limits/limiter.ts';
import { resourceKey } from '../passage/normalise.ts';
import { readAside } from '../passage/read-aside.ts';
import type { Turn, Turns } from '../passage/turns.ts';
import type { KeyRing } from '../sealing.ts';
import type { Route, Snapshot, Target } from '../snapshot.ts';
import type { Targets } from '../targets/send.ts';
import type { CheckRow } from './check-store.ts';
import { expectedBy, openCheck, type KeptCheck } from './kept-check.ts';
import { rebuild, type Rebuilt } from './rebuild.ts';
import { looksAgain, settlesMs } from './schedule.ts';

/** Between the two reads, ms: a stale replica has a chance to be found out. */
export const betweenReadsMs = 1_000;
/** Names of attributes that are told of one resource. */
const namesMax = 20;

/** Stands for attribute names where the resource as a whole is not as it should be. */
const missing = '(missing)';
const present = '(present)';

export type LookDeps = Readonly<{
  clock: Clock;
  keyRing: Pick<KeyRing, 'open'>;
  ledger: Pick<Ledger, 'list' | 'show'>;
  limiter: Limiter;
  targets: Targets;
  turns: Turns;
  snapshot(): Snapshot;
}>;

/** A row with all that it needs to be looked at. */
export type Looked = Readonly<{
  row: CheckRow;
  kept: KeptCheck;
  target: Target;
  route: Route;
  type: ResourceType;
}>;

export type Verdict = Readonly<
  | { kind: 'holds' | 'differs'; paths: string; rebuilt: Extract<Rebuilt, { kind: 'told' }> | null }
  /** Nothing is old enough to be judged. */
  | { kind: 'early' }
  /** Changes of ours are under way, or our own rate is used up. */
  | { kind: 'busy' }
  | { kind: 'unread' }
>;

/** The row with what the configuration says of it now, or why it is not looked at any more. */
export const openRow = (
  { keyRing, snapshot }: Pick<LookDeps, 'keyRing' | 'snapshot'>,
  row: CheckRow,
): Looked | Readonly<{ ended: string }> => {
  const { targets, routes } = snapshot();
  const target = Object.hasOwn(targets, row.target) ? targets[row.target] : undefined;
  const route = routes.find(({ name }) => name === row.route);
  if (target === undefined || route === undefined || target.tenant !== row.tenant) {
    return { ended: 'its route or target is not in the configuration any more' };
  }
  const type = Object.values(route.types).find(({ name }) => name === row.resourceType);
  if (type === undefined || !looksAgain(route.verifyAgain)) {
    return { ended: 'its route asks for no later looks any more' };
  }
  const kept = openCheck(keyRing, row.key, row.sealed);
  return kept === null
    ? { ended: 'no encryption key opens what was kept' }
    : { row, kept, target, route, type };
};

type Watch = Exclude<Expected, Readonly<{ kind: 'created' }>>;

/** `before-already-held` holds as well: how it came to is not asked here. */
const compared = (expected: Watch, answer: Answer, type: ResourceType): Comparison => {
  const said = compareReadBack(expected, null, answer, type);
  return said === 'before-already-held' ? 'holds' : said;
};

const namesOf = (expected: Watch, answer: Answer, type: ResourceType): string => {
  if (expected.kind === 'gone') return present;
  const names = differingPaths(expected, answer, type);
  return names.length === 0 ? missing : names.slice(0, namesMax).join(',');
};

/** Reads once; null where it cannot be read. */
export const readNow = (
  deps: LookDeps,
  { target, type, kept }: Pick<Looked, 'target' | 'type' | 'kept'>,
): Promise<Answer | null> => readAside(deps, target, readCall(type, kept.id));

/** Takes a place of the target's own rate, which clients need more. */
const mayRead = async ({ limiter, clock }: LookDeps, { limitReads }: Target): Promise<boolean> => {
  if (limitReads === null) return true;
  const now = clock.monotonic();
  const taken = await limiter.take([limitReads], { revocation: false, now });
  return taken.admitted;
};

const pause = ({ clock }: LookDeps, ms: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(ms, resolve);
  });

/** The turn of a watched resource, or null where others keep it too long. */
export const turnOf = async (
  deps: LookDeps,
  { target, type, route, kept }: Looked,
): Promise<Turn | null> => {
  const turn = await deps.turns.enter([resourceKey(target.tenant, type.word, kept.id)], {
    deadline: deps.clock.monotonic() + target.settings.limits.wait,
    abandoned: null,
    revocation: false,
    shared: route.turns === 'shared',
  });
  return 'refused' in turn ? null : turn;
};

/** What was read differs from what is kept: what does the ledger say, and does a second read differ too? */
const confirm = async (deps: LookDeps, looked: Looked, first: Answer): Promise<Verdict> => {
  const { row, type } = looked;
  const rebuilt = await rebuild(deps.ledger, looked);
  if (rebuilt.kind === 'unknown') return { kind: 'busy' };
  const anew = rebuilt.entry === row.entry && rebuilt.at === row.at ? null : rebuilt;
  const before = deps.clock.now() - settlesMs(looked.route.verifyAgain);
  const expected = expectedBy(rebuilt.kept, before);
  if (expected === null || compared(expected, first, type) === 'holds') {
    return { kind: 'holds', paths: '', rebuilt };
  }
  await pause(deps, betweenReadsMs);
  const second = await readNow(deps, looked);
  const said = second === null ? 'unreadable' : compared(expected, second, type);
  if (second === null || said === 'unreadable') return { kind: 'unread' };
  if (said === 'holds') return { kind: 'holds', paths: '', rebuilt: anew };
  return { kind: 'differs', paths: namesOf(expected, second, type), rebuilt: anew };
};

/** Looks once. Rejects with GatewayError where the ledger cannot be read. */
export const lookAgain = async (deps: LookDeps, looked: Looked): Promise<Verdict> => {
  const turn = await turnOf(deps, looked);
  if (turn === null) return { kind: 'busy' };
  try {
    const before = deps.clock.now() - settlesMs(looked.route.verifyAgain);
    const expected = expectedBy(looked.kept, before);
    if (expected === null) return { kind: 'early' };
    if (!(await mayRead(deps, looked.target))) return { kind: 'busy' };
    const answer = await readNow(deps, looked);
    if (answer === null) return { kind: 'unread' };
    const said = compared(expected, answer, looked.type);
    if (said === 'unreadable') return { kind: 'unread' };
    if (said === 'holds') return { kind: 'holds', paths: '', rebuilt: null };
    return await confirm(deps, looked, answer);
  } finally {
    turn.leave();
  }
};
