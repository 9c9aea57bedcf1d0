/**
 * When tenants are looked through for whom their rules protect: at the start, when a rule changed, and
 * then again and again, for people come and go. One round at a time. A rule that could not be looked
 * through whole keeps its old marks, is said loudly and comes again soon; a round takes no mark away.
 */
import { coreTypes } from '../identity/scim/schemas.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import type { Clock, Timer } from '../clock.ts';
import type { Protection, TenantSafety } from '../policy/safety.ts';
import type { Snapshot, Target } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { AskDeps } from './ask-target.ts';
import type { ProtectionStanding } from './protection-standing.ts';
import { lookThrough, type Looked, type Looking } from './resolve-protected.ts';

/** How one rule stands. */
export type RuleState = Readonly<{
  tenant: string;
  rule: string;
  word: 'users' | 'groups';
  /** Is it known whom it protects, as it is written now? */
  resolved: boolean;
  /** When it was looked through whole last, wall ms; null = never, as it is written now. */
  at: number | null;
  /** Why its last look-through failed, a short word; null = it did not, or was not tried. */
  failed: string | null;
}>;

export type ResolveRounds = Readonly<{
  /** Marks ids at once, and begins a round where a rule was never looked through as it is written. */
  reconcile(): void;
  /** A round now, or the one under way and one after it; gives how the rules stand then. */
  run(): Promise<readonly RuleState[]>;
  /** How every rule of the snapshot in force stands. */
  states(): readonly RuleState[];
  /** Ends the rounds; one under way ends before its next call. */
  stop(): Promise<void>;
}>;

/** Milliseconds between two rounds, give or take a fifth. */
export const roundMs = 600_000;
/** Milliseconds until a round that failed comes again, give or take a fifth. */
export const againMs = 30_000;
/** Resources read of one tenant in one round. */
const resourcesMax = 100_000;

export type RoundsDeps = AskDeps &
  Readonly<{
    clock: Clock;
    snapshot(): Snapshot;
    standing: Pick<ProtectionStanding, 'mark' | 'marks' | 'resolve' | 'resolved' | 'resolvedAt'>;
    observer: Pick<Observer, 'note' | 'protectionSeen'>;
    /** 0 <= x < 1. */
    jitter(): number;
  }>;

/** The first target of the tenant that can be used. */
export const usableTarget = ({ targets }: Snapshot, names: readonly string[]): Target | null => {
  for (const name of names) {
    const target = Object.hasOwn(targets, name) ? targets[name] : undefined;
    if (target?.unconfigured === null) return target;
  }
  return null;
};

/** A resource type as routes to this target know it, with the extensions it declares. */
export const typeAt = ({ routes }: Snapshot, target: string, word: string): ResourceType | null => {
  const route = routes.find((one) => one.target === target && Object.hasOwn(one.types, word));
  return route?.types[word] ?? (Object.hasOwn(coreTypes, word) ? (coreTypes[word] ?? null) : null);
};

const lookingAt = (
  { snapshot, standing }: Pick<RoundsDeps, 'snapshot' | 'standing'>,
  safety: TenantSafety,
): Looking | null => {
  const current = snapshot();
  const target = usableTarget(current, safety.targets);
  if (target === null) return null;
  const users = typeAt(current, target.name, 'users');
  const groups = typeAt(current, target.name, 'groups');
  if (users === null || groups === null) return null;
  const { tenant, protections } = safety;
  // At first nobody is left to a filter: who was there before must not be missed for his spelling.
  const fresh = protections.filter(
    ({ name: rule, digest }) => standing.resolvedAt({ tenant, rule, digest }) === null,
  );
  return {
    target,
    types: { users, groups },
    budget: { resources: resourcesMax },
    whole: new Set(fresh.map(({ name }) => name)),
  };
};

const tenantsWithRules = ({ tenants }: Snapshot): readonly TenantSafety[] =>
  Object.values(tenants).filter(({ protections }) => protections.length > 0);

const failureKey = (tenant: string, rule: string, digest: string): string =>
  `${tenant}\n${rule}\n${digest}`;

/** Why a rule that was looked through is not resolved all the same. */
const unkept = { full: 'too_many_marks', unavailable: 'store_unavailable' } as const;

/** A rule as it comes out where no target can be asked: ids need none. */
const unasked = ({ word, ids, filter, memberOf }: Protection): Looked =>
  filter === '' && memberOf === null
    ? { marks: [...ids].map((id) => ({ word, id })) }
    : { failed: 'no_usable_target' };

/** Looks through one tenant; gives the failures of its rules by name. */
const resolveTenant = async (
  deps: RoundsDeps,
  safety: TenantSafety,
): Promise<ReadonlyMap<string, string>> => {
  const { standing, clock } = deps;
  const { tenant, protections } = safety;
  const looking = lookingAt(deps, safety);
  const looked: ReadonlyMap<string, Looked> =
    looking === null ? new Map() : await lookThrough(deps, safety, looking);
  const failures = new Map<string, string>();
  for (const protection of protections) {
    const { name: rule, digest } = protection;
    const one = looked.get(rule) ?? unasked(protection);
    if ('failed' in one) {
      failures.set(rule, one.failed);
      continue;
    }
    const at = clock.now();
    const marks = one.marks.map((marked) => ({ tenant, rule, ...marked, at }));
    const kept = await standing.resolve(marks, { tenant, rule, digest, at });
    if (kept !== 'resolved') failures.set(rule, unkept[kept]);
  }
  return failures;
};

/** Makes the rounds; nothing happens before `reconcile`. */
export const makeResolveRounds = (deps: RoundsDeps): ResolveRounds => {
  const { standing, clock, observer, snapshot } = deps;
  let failures = new Map<string, string>();
  let timer: Timer | null = null;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = false;

  const states = (): readonly RuleState[] =>
    tenantsWithRules(snapshot()).flatMap(({ tenant, protections }) =>
      protections.map(({ name, word, digest }) => {
        const at = standing.resolvedAt({ tenant, rule: name, digest });
        const failed = failures.get(failureKey(tenant, name, digest)) ?? null;
        return { tenant, rule: name, word, resolved: at !== null, at, failed };
      }),
    );
  const tell = (): void => {
    const unresolved = states().filter(({ resolved, failed }) => !resolved || failed !== null);
    observer.protectionSeen({ unresolved: unresolved.length, marks: standing.marks().length });
  };
  const round = async (): Promise<void> => {
    const next = new Map<string, string>();
    for (const safety of tenantsWithRules(snapshot())) {
      if (stopped) return;
      const { tenant, protections } = safety;
      const failed = await resolveTenant(deps, safety);
      for (const { name, digest } of protections) {
        const why = failed.get(name);
        if (why === undefined || stopped) continue;
        next.set(failureKey(tenant, name, digest), why);
        const resolved = standing.resolvedAt({ tenant, rule: name, digest }) !== null;
        observer.note('error', 'protection.unresolved', { tenant, rule: name, why, resolved });
      }
    }
    failures = next;
    tell();
  };
  const rounds = async (): Promise<void> => {
    do {
      again = false;
      await round().catch((cause: unknown) => {
        observer.note('error', 'protection.round.failed', { cause });
      });
    } while (again);
  };
  const arm = (ms: number): void => {
    timer?.cancel();
    timer = stopped ? null : clock.after(ms * (0.8 + 0.4 * deps.jitter()), () => void begin());
  };
  const begin = (): Promise<void> => {
    timer?.cancel();
    timer = null;
    running ??= rounds().finally(() => {
      running = null;
      if (tenantsWithRules(snapshot()).length > 0) arm(failures.size > 0 ? againMs : roundMs);
    });
    return running;
  };
  const beginAnew = async (): Promise<void> => {
    if (stopped) return;
    if (running !== null) again = true;
    await begin();
  };

  return {
    reconcile: () => {
      const tenants = tenantsWithRules(snapshot());
      const at = clock.now();
      for (const { tenant, protections } of tenants) {
        for (const { name: rule, word, ids } of protections) {
          standing.mark([...ids].map((id) => ({ tenant, rule, word, id, at })));
        }
      }
      tell();
      if (tenants.some((safety) => !standing.resolved(safety))) void beginAnew();
      else if (timer === null && running === null && tenants.length > 0) arm(roundMs);
    },
    run: async () => {
      await beginAnew();
      return states();
    },
    states,
    stop: async () => {
      stopped = true;
      again = false;
      timer?.cancel();
      timer = null;
      await running;
    },
  };
};
