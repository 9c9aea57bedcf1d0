/**
 * The desk at which people decide over holds: list, show, approve, reject. An approval is one
 * compare-and-set on the hold; the last one it takes lets it out. Types of the seam are here as well,
 * for whoever asks (admin) and whoever releases (release.ts).
 */
import type { Clock } from '../clock.ts';
import { parseHoldId, type HoldId, type LedgerId } from '../ids.ts';
import type { KeyRing } from '../sealing.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import {
  mayNotApprove,
  neededOf,
  notYou,
  versionOf,
  withApproval,
  withStanding,
  withoutTheirs,
  type Behind,
} from './four-eyes.ts';
import type { HoldQuery, HoldRow, HoldState, HoldStore } from './hold-store.ts';
import { openHold, sealHold, voidApprovals, type KeptHold } from './kept-hold.ts';
import { toldOf } from './make-holding.ts';
import type { Released } from './release.ts';
import { listedHold, saidWhy, shownHold, subjectOf, type EntryEnd } from './show-hold.ts';

/** Who decides. `local`: whoever may open the files; nobody who could be told from another. */
export type Decider = Readonly<{ name: string; local: boolean }>;

/** What became of one id. `ok` false: `note` says why. */
export type Decided = Readonly<{
  id: string;
  ok: boolean;
  state: HoldState | null;
  note: string | null;
  entry: string | null;
  /** Of its entry. */
  outcome: string | null;
}>;

export type Batch = Readonly<{
  batch: string;
  client: string;
  route: string;
  rule: string;
  actions: string;
  pending: number;
  oldestAt: number;
  expiresAt: number;
}>;

/** `until`: ms since the epoch. */
type Issued = Readonly<{ by: string; until: number }>;

export type DeskDeps = Readonly<{
  store: Pick<HoldStore, 'read' | 'list' | 'change'>;
  keyRing: Pick<KeyRing, 'seal' | 'open'>;
  clock: Clock;
  snapshot(): Snapshot;
  observer: Pick<Observer, 'note'>;
  /** Of a client's keys, those that ended too: who issued them, and until when they could be used. */
  issuersOf(client: string): Promise<readonly Issued[]>;
  /** Who last changed what a client may do; null = not known. */
  changedBy(client: string): Promise<string | null>;
  /** How an entry ended; null where it has no outcome, or is not there any more. */
  endOf(entry: LedgerId): Promise<EntryEnd | null>;
  /** Lets an approved hold out; null where no gateway runs here, or not now. */
  release(row: HoldRow): Promise<Released | null>;
}>;

/** A line of a list, with whom it is about; null where that was not asked for, or no key opens it. */
export type Listed = ReturnType<typeof listedHold> &
  Readonly<{ resourceId: string | null; about: string | null }>;

export type HoldsDesk = Readonly<{
  /** `subjects`: opens each, and says whom it is about. */
  list(query: HoldQuery, subjects: boolean): Promise<readonly Listed[]>;
  /** Pending ones by what they wait for together, the oldest first. */
  batches(): Promise<readonly Batch[]>;
  /** Null: there is none; `unopenable`: no key of the ring fits. */
  show(id: string, values: boolean): Promise<ReturnType<typeof shownHold> | 'unopenable' | null>;
  /** Oldest pending ones of a batch, at most `limit`. */
  pendingOf(batch: string, limit: number): Promise<readonly HoldId[]>;
  /** `version`: of what was looked at (`show`); something else is not approved. */
  approve(
    ids: readonly string[],
    person: Decider,
    version: string | null,
  ): Promise<readonly Decided[]>;
  reject(ids: readonly string[], person: Decider, reason: string): Promise<readonly Decided[]>;
}>;

/** Compare-and-sets tried on one hold while others change it. */
const triesMax = 5;
/** Most that a batch can have, and what one page of the store holds. */
const pageMax = 1_000;
/** Pages looked through for batches. */
const pagesMax = 20;
/** How long an answer waits for what it let out, ms. */
const answerWithinMs = 10_000;
/** Within which every gateway knows that a key was revoked. */
const revokedLateMs = 60_000;

const no = (id: string, note: string, state: HoldState | null = null): Decided => ({
  id,
  ok: false,
  state,
  note,
  entry: null,
  outcome: null,
});

const yes = (id: string, state: HoldState, note: string | null = null): Decided => ({
  id,
  ok: true,
  state,
  note,
  entry: null,
  outcome: null,
});

const past: Readonly<Record<Exclude<HoldState, 'pending'>, string>> = {
  approved: 'it has all its approvals already',
  released: 'it was released already',
  rejected: 'it was rejected',
  expired: 'it has expired',
  replaced: 'its client sent another change instead',
};

const unknown = 'there is no such hold';
const unopenable = 'no key of the store opens it';

type Opened = Readonly<{ row: HoldRow; kept: KeptHold }>;

const opened = async (deps: DeskDeps, id: string): Promise<Opened | Decided> => {
  const known = parseHoldId(id);
  const row = known === null ? null : await deps.store.read(known);
  if (row === null) return no(id, unknown);
  const kept = openHold(deps.keyRing, row.id, row.sealed);
  return kept === null ? no(id, unopenable, row.state) : { row, kept };
};

type Known = Readonly<Omit<Behind, 'issuers' | 'ownerThen'> & { issued: readonly Issued[] }>;

const knownOf = async (deps: DeskDeps, { row, kept }: Opened): Promise<Known> => {
  const { client } = row;
  if (kept.actor === 'person') return { client, owner: client, issued: [], changedBy: null };
  const { clients } = deps.snapshot();
  const owner = Object.hasOwn(clients, client) ? (clients[client]?.settings.owner ?? null) : null;
  return {
    client,
    owner,
    issued: await deps.issuersOf(client),
    changedBy: await deps.changedBy(client),
  };
};

/** Keys that could be used when it was held count, or whoever revokes theirs could then approve. */
const behindAt = ({ issued, ...known }: Known, { row, kept }: Opened): Behind => ({
  ...known,
  ownerThen: kept.owner,
  issuers: issued.filter(({ until }) => until + revokedLateMs >= row.at).map(({ by }) => by),
});

const behindOf = async (deps: DeskDeps, found: Opened): Promise<Behind> =>
  behindAt(await knownOf(deps, found), found);

/** The same question about many holds is asked once. */
const behindOnce = (deps: DeskDeps) => {
  const known = new Map<string, Promise<Known>>();
  return async (found: Opened): Promise<Behind> => {
    const key = `${found.kept.actor}\n${found.row.client}`;
    const asked = known.get(key) ?? knownOf(deps, found);
    known.set(key, asked);
    return behindAt(await asked, found);
  };
};

type Approving = Readonly<{
  person: Decider;
  version: string | null;
  behind(found: Opened): Promise<Behind>;
}>;

type Step = Decided | Readonly<{ again: true }> | Readonly<{ approved: HoldRow }>;

/** One compare-and-set of one approval. */
const approveOnce = async (
  deps: DeskDeps,
  id: string,
  { person, version, behind: ask }: Approving,
): Promise<Step> => {
  const found = await opened(deps, id);
  if ('ok' in found) return found;
  const { row, kept } = found;
  const now = deps.clock.now();
  if (row.state !== 'pending') return no(id, past[row.state], row.state);
  if (row.expiresAt <= now) return no(id, past.expired, row.state);
  const snapshot = deps.snapshot();
  if (version !== null && version !== versionOf(kept, snapshot.version)) {
    return no(id, 'it is not what you looked at any more: show it again', row.state);
  }
  const behind = await ask(found);
  if (behind.owner === null) return no(id, 'its client is not configured any more', row.state);
  const standing = withoutTheirs(withStanding(kept, snapshot.version, now), behind, now);
  const why = mayNotApprove(person, behind, standing.approvals);
  if (why !== null) return no(id, `you may not approve it: ${notYou[why]}`, row.state);
  const next = withApproval(standing, person.name, snapshot.version, now);
  const state = next.approvals.length >= neededOf(row, next, snapshot) ? 'approved' : 'pending';
  const sealed = sealHold(deps.keyRing, row.id, next);
  if (sealed === null) return no(id, 'it is too large to be approved', row.state);
  const changed = await deps.store.change(row.id, row.version, { state, sealed, now });
  if (changed === null) return { again: true };
  const given = next.approvals.length;
  deps.observer.note('info', 'hold.approved', { ...toldOf(row), given, state });
  if (state === 'approved') return { approved: changed };
  const needed = neededOf(row, next, snapshot);
  return yes(id, 'pending', `${given} of ${needed} approvals`);
};

const decidedBy = (id: string, released: Released | null): Decided => {
  if (released === null) return yes(id, 'approved', 'it goes out in a moment');
  if (released.kind === 'released') {
    const { entry, outcome, unmade } = released;
    const decided = { ...yes(id, 'released'), entry, outcome };
    if (unmade === undefined) return decided;
    const { why, hold } = unmade;
    const then = hold === null ? 'its caller must send it again' : `it waits anew as ${hold}`;
    return { ...decided, ok: false, note: `nothing was made of it (${why}): ${then}` };
  }
  if (released.kind === 'later') return yes(id, 'approved', `it is tried again: ${released.why}`);
  if (released.kind === 'taken') {
    const { state: standing, entry } = released;
    return { ...yes(id, standing ?? 'approved'), entry };
  }
  const { state, why } = released;
  const then = state === 'pending' ? 'it waits for approval anew' : 'it was not let out';
  return no(id, `${then}: ${saidWhy(why)}${state === 'pending' ? '; show it again' : ''}`, state);
};

const contended = (id: string): Decided => no(id, 'others change it at this moment: try again');

const approveOne = async (
  deps: DeskDeps,
  id: string,
  approving: Approving,
): Promise<Decided | Readonly<{ approved: HoldRow }>> => {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const step = await approveOnce(deps, id, approving);
    if (!('again' in step)) return step;
  }
  return contended(id);
};

const rejectOne = async (
  deps: DeskDeps,
  id: string,
  person: Decider,
  reason: string,
): Promise<Decided> => {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const found = await opened(deps, id);
    if ('ok' in found) return found;
    const { row, kept } = found;
    if (row.state !== 'pending' && row.state !== 'approved') {
      return no(id, past[row.state], row.state);
    }
    const at = deps.clock.now();
    const voided = kept.approvals.length === 0 ? kept : voidApprovals(kept, 'rejected', at);
    const ended = { ...voided, end: { by: person.name, at, reason } };
    const sealed = sealHold(deps.keyRing, row.id, ended);
    const changed = await deps.store.change(row.id, row.version, {
      state: 'rejected',
      now: at,
      ...(sealed === null ? {} : { sealed }),
    });
    if (changed === null) continue;
    deps.observer.note('info', 'hold.rejected', toldOf(row));
    return yes(id, 'rejected');
  }
  return contended(id);
};

const batchesOf = (rows: readonly HoldRow[]): readonly Batch[] => {
  const out = new Map<string, Batch>();
  for (const row of rows) {
    const { batch, client, route, rule, actions } = row;
    const key = JSON.stringify([batch, client, rule]);
    const known = out.get(key);
    out.set(key, {
      batch,
      client,
      route,
      rule,
      actions: known === undefined || known.actions === actions ? actions : 'several',
      pending: (known?.pending ?? 0) + 1,
      oldestAt: Math.min(known?.oldestAt ?? row.at, row.at),
      expiresAt: Math.min(known?.expiresAt ?? row.expiresAt, row.expiresAt),
    });
  }
  return [...out.values()].toSorted((one, other) => one.oldestAt - other.oldestAt);
};

const pendingRows = async (deps: DeskDeps, batch?: string): Promise<readonly HoldRow[]> => {
  const rows: HoldRow[] = [];
  for (let page = 0; page < pagesMax; page += 1) {
    const last = rows.at(-1)?.id;
    const next = await deps.store.list({
      states: ['pending'],
      limit: pageMax,
      ...(batch === undefined ? {} : { batch }),
      ...(last === undefined ? {} : { before: last }),
    });
    rows.push(...next);
    if (next.length < pageMax) break;
  }
  return rows;
};

/** Makes the desk. */
export const makeHoldsDesk = (deps: DeskDeps): HoldsDesk => {
  const { clock } = deps;
  /** What was let out by then; the rest goes on without anybody waiting. */
  const within = (release: Promise<Released | null>, until: Promise<null>) =>
    Promise.race([release, until]);
  return {
    list: async (query, subjects) =>
      (await deps.store.list(query)).map((row) => {
        const kept = subjects ? openHold(deps.keyRing, row.id, row.sealed) : null;
        const { id = null, name = null } = kept === null ? {} : subjectOf(kept);
        return { ...listedHold(row), resourceId: id, about: name ?? id };
      }),
    batches: async () => batchesOf(await pendingRows(deps)),
    show: async (id, values) => {
      const found = await opened(deps, id);
      if ('ok' in found) return found.note === unopenable ? 'unopenable' : null;
      const snapshot = deps.snapshot();
      const behind = await behindOf(deps, found);
      const { row, kept } = found;
      const needed = neededOf(row, kept, snapshot);
      const { version: configVersion } = snapshot;
      const entryEnd = row.entry === null ? null : await deps.endOf(row.entry);
      return shownHold(row, kept, { behind, needed, configVersion, values, entryEnd });
    },
    pendingOf: async (batch, limit) =>
      (await pendingRows(deps, batch))
        .slice(-limit)
        .toReversed()
        .map(({ id }) => id),
    approve: async (ids, person, version) => {
      const steps: (Decided | Readonly<{ id: string; release: Promise<Released | null> }>)[] = [];
      const approving = { person, version, behind: behindOnce(deps) };
      for (const id of new Set(ids)) {
        const step = await approveOne(deps, id, approving);
        steps.push('approved' in step ? { id, release: deps.release(step.approved) } : step);
      }
      const { promise: until, resolve } = Promise.withResolvers<null>();
      const timer = clock.after(answerWithinMs, () => resolve(null));
      const decided = await Promise.all(
        steps.map(async (step) =>
          'release' in step ? decidedBy(step.id, await within(step.release, until)) : step,
        ),
      );
      timer.cancel();
      return decided;
    },
    reject: async (ids, person, reason) => {
      const decided: Decided[] = [];
      for (const id of new Set(ids)) decided.push(await rejectOne(deps, id, person, reason));
      return decided;
    },
  };
};
