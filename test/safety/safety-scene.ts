/** A tenant at a real SCIM server (SCIMMY), and the room `safety` over it, with stores in memory. */
import { request } from 'undici';
import type { Clock } from '../../src/clock.ts';
import { startSandbox, type Sandbox } from '../../src/demo/sandbox.ts';
import { systemRandom } from '../../src/ids.ts';
import { rfcKnobs } from '../../src/identity/dialects/knobs.ts';
import type { Resource } from '../../src/identity/scim/schema-model.ts';
import { makeMemoryLimiter } from '../../src/limits/memory.ts';
import { foldKey } from '../../src/policy/fold-key.ts';
import type { Protection, TenantSafety } from '../../src/policy/safety.ts';
import { makeSafety, type Safety } from '../../src/safety/make-safety.ts';
import type { Snapshot, Target } from '../../src/snapshot.ts';
import { makeTargets, type LiveTargets } from '../../src/targets/make-targets.ts';
import type { Call } from '../../src/identity/call.ts';
import { target as targetSource, makeTestClock } from '../targets/harness.ts';
import { safetyStoresInMemory, type StoresInMemory } from '../support/safety-stores.ts';

export const tenant = 'suite-production';
const token = 'safety-scene-token-88';

/** One key for names, as the house compares them. */
export const keyOf = (text: unknown): string => foldKey(String(text));

/** A rule of protection by hand; it asks for nobody unless told. */
export const protection = (name: string, more: Partial<Protection> = {}): Protection => ({
  name,
  word: 'users',
  never: new Set(['users:deactivate']),
  ids: new Set(),
  matches: () => false,
  memberOf: null,
  keys: { covers: (attribute) => attribute === 'userName' },
  filter: '',
  digest: `digest of ${name}`,
  ...more,
});

/** Protects users whose name begins so. */
export const byName = (name: string, prefix: string, more: Partial<Protection> = {}): Protection =>
  protection(name, {
    filter: null,
    matches: (resource: Resource) => keyOf(resource['userName']).startsWith(keyOf(prefix)),
    ...more,
  });

/** Protects members of groups of exactly this name. */
export const byGroup = (name: string, group: string, more: Partial<Protection> = {}): Protection =>
  protection(name, { memberOf: (displayName) => keyOf(displayName) === keyOf(group), ...more });

export type Scene = Readonly<{
  sandbox: Sandbox;
  stores: StoresInMemory;
  clock: ReturnType<typeof makeTestClock>;
  safety: Safety;
  /** Level, event and fields of what was noted. */
  notes: readonly (readonly [
    level: string,
    event: string,
    fields: Readonly<Record<string, unknown>>,
  ])[];
  /** Reads that went to the target. */
  calls: readonly Call[];
  /** What was told to metrics last. */
  told: { unresolved: number; marks: number; inForce: number };
  /** Rules of the tenant from now on. */
  protect(...protections: readonly Protection[]): void;
  /** Another knob or address of the target; reload by `protect`. */
  retarget(change: (target: Target) => Target): void;
  make(word: 'Users' | 'Groups', body: object): Promise<string>;
  patch(word: 'Users' | 'Groups', id: string, ...operations: readonly object[]): Promise<void>;
  remove(word: 'Users' | 'Groups', id: string): Promise<void>;
  /** Another gateway on the same stores and target. */
  beside(): Safety;
  stop(): Promise<void>;
}>;

const schemaOf = {
  Users: 'urn:ietf:params:scim:schemas:core:2.0:User',
  Groups: 'urn:ietf:params:scim:schemas:core:2.0:Group',
};

/** A target of the tenant that does as RFC 7644 says, without limits. */
export const suiteTarget = (url: string, more: Partial<Target> = {}): Target => ({
  ...targetSource(url),
  name: 'suite',
  knobs: rfcKnobs,
  searchesAsAsked: true,
  plainWrites: true,
  tenant,
  credentials: [],
  limitReads: null,
  limitWrites: null,
  safety: null,
  ...more,
});

const targetAt = (url: string): Target =>
  suiteTarget(url, {
    credentials: [
      {
        headerName: 'authorization',
        headerValue: `Bearer ${token}`,
        expiresAt: Number.POSITIVE_INFINITY,
      },
    ],
  });

/** As much of a snapshot as this room reads. */
const snapshotOf = (target: Target, safety: TenantSafety): Snapshot =>
  ({
    targets: { [target.name]: target },
    routes: [],
    tenants: { [tenant]: safety },
    clients: {
      sync: { name: 'sync', settings: { owner: 'Owner@Example.com' } },
    },
  }) as unknown as Snapshot;

const safetyOf = (protections: readonly Protection[]): TenantSafety => ({
  tenant,
  guards: [],
  protections,
  privileged: null,
  targets: ['suite'],
  needsBefore: () => true,
  concerns: () => true,
});

/** Starts the scene; one per process, as SCIMMY declares its resources globally. */
export const startScene = async (): Promise<Scene> => {
  const sandbox = await startSandbox({ port: 0, token });
  const stores = safetyStoresInMemory();
  const clock = makeTestClock();
  const notes: (readonly [string, string, Readonly<Record<string, unknown>>])[] = [];
  const calls: Call[] = [];
  const told = { unresolved: 0, marks: 0, inForce: 0 };
  let target = targetAt(sandbox.url);
  let snapshot = snapshotOf(target, safetyOf([]));
  const observer = {
    note: (level: string, event: string, fields: Readonly<Record<string, unknown>>) =>
      void notes.push([level, event, fields]),
    breakerChanged: () => undefined,
    overridesSeen: ({ inForce }: { inForce: number }) => void (told.inForce = inForce),
    protectionSeen: (seen: { unresolved: number; marks: number }) => void Object.assign(told, seen),
  };
  // The target's own timers run on real time; nothing here waits for them.
  const real: Clock = { ...clock, after: (ms, run) => timerOf(ms, run) };
  const live: LiveTargets = makeTargets({ clock: real, observer, jitter: () => 0 });
  live.reconcile(snapshot.targets);
  const begin = (): Safety =>
    makeSafety({
      clock,
      random: systemRandom,
      observer,
      stores,
      snapshot: () => snapshot,
      targets: {
        send: (name, call, options) => {
          calls.push(call);
          return live.send(name, call, options);
        },
      },
      limiter: makeMemoryLimiter({ keysMax: 100 }),
    });
  const safety = begin();
  await safety.start();
  const others: Safety[] = [];
  const send = async (
    method: string,
    path: string,
    body?: object,
  ): Promise<Record<string, unknown>> => {
    const answer = await request(`${sandbox.url}${path}`, {
      method: method as 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode > 299) throw new Error(`${method} ${path}: ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  };
  return {
    sandbox,
    stores,
    clock,
    safety,
    notes,
    calls,
    told,
    protect: (...protections) => {
      snapshot = snapshotOf(target, safetyOf(protections));
      safety.reconcile();
    },
    retarget: (change) => {
      target = change(target);
      snapshot = snapshotOf(target, snapshot.tenants[tenant] as TenantSafety);
      live.reconcile(snapshot.targets);
    },
    make: async (word, body) => {
      const made = await send('POST', `/${word}`, { schemas: [schemaOf[word]], ...body });
      return String(made['id']);
    },
    patch: async (word, id, ...operations) => {
      const schemas = ['urn:ietf:params:scim:api:messages:2.0:PatchOp'];
      await send('PATCH', `/${word}/${id}`, { schemas, Operations: operations });
    },
    remove: async (word, id) => {
      await send('DELETE', `/${word}/${id}`);
    },
    beside: () => {
      const other = begin();
      others.push(other);
      return other;
    },
    stop: async () => {
      await Promise.all([safety, ...others].map((each) => each.stop()));
      await live.close(0);
      await sandbox.stop();
    },
  };
};

const timerOf = (ms: number, run: () => void) => {
  const timer = setTimeout(run, ms);
  timer.unref();
  return { cancel: () => clearTimeout(timer) };
};
