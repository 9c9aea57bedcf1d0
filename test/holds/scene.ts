/**
 * The room of holds on a clock that stands, with doors that keep count of what they let out. What the
 * ledger does in its transaction (a hold is released once) is done by the store in memory, or noted here.
 */
import { createHash } from 'node:crypto';
import { coreTypes } from '../../src/identity/scim/schemas.ts';
import type { Action, Mutation } from '../../src/identity/operation.ts';
import type { Resource, ResourceType } from '../../src/identity/scim/schema-model.ts';
import { ledgerId, newRequestId, newSpanId, newTraceId, systemRandom } from '../../src/ids.ts';
import { refuse } from '../../src/errors.ts';
import { makeHolds, type Holds } from '../../src/holds/make-holds.ts';
import { makeHoldsDesk, type HoldsDesk } from '../../src/holds/holds-desk.ts';
import type { HoldStore } from '../../src/holds/hold-store.ts';
import type { Notice } from '../../src/holds/notices.ts';
import { mutationHash, resourceHash } from '../../src/passage/binding.ts';
import type { Actor, Outcome, Passage } from '../../src/passage/doors.ts';
import type { HoldRequest } from '../../src/passage/safeguards.ts';
import { makeKeyRing } from '../../src/sealing.ts';
import type { Client, Route, Snapshot, Target } from '../../src/snapshot.ts';
import { silentFeed } from '../../src/store-feed.ts';
import { manualClock, type ManualClock } from '../ledger/manual-clock.ts';
import { holdsInMemory } from '../support/holds-in-memory.ts';

export const userType = coreTypes['users'] as ResourceType;
export const keyRing = makeKeyRing(
  [createHash('sha256').update('hold tests').digest()],
  systemRandom,
);

const farOff = 4_000_000_000_000;
const frozen = refuse('target_frozen', 'frozen');

export const clientOf = (name: string, owner: string): Client => ({
  name,
  settings: { owner, purpose: 'tests', expires: farOff, auth: [], whenHeld: 'refuse' },
  expiresAt: farOff,
  internal: false,
  pin: null,
  limitReads: null,
  limitWrites: null,
});

export type World = {
  version: string;
  clients: Record<string, Client>;
  people: Record<string, { name: string; roles: string[]; until: number }>;
  routes: Route[];
  pendingMax: number;
  notify: { name: string }[];
  issuers: string[];
  changedBy: string | null;
  /** What the target holds now. */
  current: Resource | null;
  frozen: boolean;
  /** Refuses releases with this code. */
  refuse: Outcome['reply'] | null;
  /** Holds them again by this rule, unless people were asked about it. */
  alsoHeldBy: string | null;
};

const route = {
  name: 'slack',
  path: '/scim/slack',
  target: 'slack',
  types: coreTypes,
  approval: null,
  grants: { entra: { client: 'entra' } },
} as unknown as Route;

export const world = (): World => ({
  version: 'aaaaaaaaaaaa',
  clients: { entra: clientOf('entra', 'Owner@Example.com') },
  people: {},
  routes: [route],
  pendingMax: 1_000,
  notify: [],
  issuers: ['issuer@example.com'],
  changedBy: 'changer@example.com',
  current: { id: 'u1', userName: 'ada@example.com', active: true },
  frozen: false,
  refuse: null,
  alsoHeldBy: null,
});

const snapshotOf = (of: World): Snapshot =>
  ({
    version: of.version,
    server: { listen: { host: '127.0.0.1', port: 1 }, publicUrl: '' },
    admin: { people: of.people },
    store: { retention: { deliveriesMs: 86_400_000 } },
    clients: of.clients,
    targets: { slack: { name: 'slack', tenant: 'slack-production' } },
    routes: of.routes,
    tenants: {},
    holds: { pendingMax: of.pendingMax, expiresMs: 86_400_000, notify: of.notify },
  }) as unknown as Snapshot;

const outcome = (more: Partial<Outcome>): Outcome => ({
  reply: { status: 200, headers: {}, body: null },
  operation: 'patch',
  actions: [],
  resourceType: 'User',
  decision: 'allow',
  rule: null,
  normalised: [],
  repairs: [],
  limits: [],
  retryAfterSeconds: 0,
  ledger: null,
  attempts: [],
  targetMs: 0,
  internal: null,
  ...more,
});

export type Scene = Readonly<{
  clock: ManualClock;
  world: World;
  store: HoldStore;
  holds: Holds;
  desk: HoldsDesk;
  /** Passages that reached the target. */
  sent: Passage[];
  notes: Readonly<{ event: string; fields: Readonly<Record<string, unknown>> }>[];
  notices: Notice[];
  counted: unknown[];
  /** Changes told to telemetry. */
  made: unknown[];
  hold(more?: Partial<HoldRequest>): ReturnType<Holds['holding']['hold']>;
}>;

export const deactivation = (id = 'u1'): Mutation => ({
  verb: 'patch',
  type: userType,
  id,
  changes: [{ op: 'replace', path: { attribute: 'active' }, value: false }],
  preconditions: {},
  projection: {},
  repairs: [],
});

/** Shared by gateways of one test: which holds were claimed, and what was sent. */
export type Shared = Readonly<{ claimed: Set<string>; sent: Passage[] }>;

export const scene = (
  given: Readonly<{ store?: HoldStore; shared?: Shared; world?: World; start?: boolean }> = {},
): Scene => {
  const memory = given.store === undefined ? holdsInMemory() : null;
  const store = given.store ?? (memory as HoldStore);
  const clock = manualClock();
  const of = given.world ?? world();
  const { claimed, sent } = given.shared ?? { claimed: new Set(), sent: [] };
  const notes: Scene['notes'] = [];
  const notices: Notice[] = [];
  const counted: unknown[] = [];
  const made: unknown[] = [];
  const observer = {
    note: (_level: string, event: string, fields: Readonly<Record<string, unknown>>) =>
      void notes.push({ event, fields }),
    changeMade: (record: unknown) => void made.push(record),
    holdsCounted: (record: unknown) => void counted.push(record),
  };
  const claim = (release: NonNullable<Passage['release']>, entry: Outcome['ledger']): boolean => {
    if (memory !== null && entry !== null)
      return memory.claim({ ...release, id: release.hold }, entry.id, clock.now());
    const key = `${release.hold}@${release.version}`;
    if (claimed.has(key)) return false;
    claimed.add(key);
    return true;
  };
  const pass = async (passage: Passage): Promise<Outcome> => {
    const { release, operation, snapshot, route: by } = passage;
    if (release === undefined) throw new TypeError('only releases here');
    const before = of.current;
    const mutation = operation as Mutation;
    const about = { operation: mutation, before, after: before };
    if (of.frozen) return outcome({ reply: frozen });
    if (of.refuse !== null) return outcome({ reply: of.refuse, decision: 'deny' });
    if (snapshot.version !== release.configVersion) {
      return outcome({ unreleased: { why: 'config-changed', ...about } });
    }
    const { tenant } = snapshot.targets[by.target] as Target;
    const hash = mutationHash(mutation, {
      tenant,
      route: by.name,
      client: passage.actor.client.name,
    });
    if (!hash.equals(release.mutation)) {
      return outcome({ unreleased: { why: 'mutation-changed', ...about } });
    }
    if (resourceHash(before)?.equals(release.before ?? Buffer.alloc(0)) !== true) {
      return outcome({ unreleased: { why: 'before-changed', ...about } });
    }
    const also = of.alsoHeldBy;
    if (also !== null && also !== release.rule && release.others?.includes(also) !== true) {
      return outcome({ decision: 'hold', rule: also, holdId: release.hold });
    }
    const entry = {
      id: ledgerId('0badcafe', sent.length + 1),
      at: clock.now(),
      outcome: 'applied',
      settledBy: 'answer',
      resourceId: 'u1',
      status: 200,
    } as const;
    if (!claim(release, entry)) return outcome({ unreleased: { why: 'taken', ...about } });
    sent.push(passage);
    return outcome({ ledger: entry });
  };
  const holds = makeHolds({
    store,
    keyRing,
    clock,
    clockTrusted: () => true,
    random: systemRandom,
    snapshot: () => snapshotOf(of),
    feed: silentFeed,
    observer,
    keepNotices: async (kept) => void notices.push(...kept),
  });
  const desk = makeHoldsDesk({
    store,
    keyRing,
    clock,
    observer,
    snapshot: () => snapshotOf(of),
    issuersOf: async () => of.issuers.map((by) => ({ by, until: Number.MAX_SAFE_INTEGER })),
    changedBy: async () => of.changedBy,
    endOf: async () => null,
    release: holds.release,
  });
  if (given.start !== false) holds.start({ pass });
  return {
    clock,
    world: of,
    store,
    holds,
    desk,
    sent,
    notes,
    notices,
    counted,
    made,
    hold: (more = {}) => holds.holding.hold({ ...requestOf(of), ...more }),
  };
};

export const requestOf = (of: World): HoldRequest => {
  const [at] = of.routes;
  const client = of.clients['entra'];
  if (at === undefined || client === undefined) throw new TypeError('the world lacks its client');
  const now = 1_700_000_000_000;
  const actor: Actor = { kind: 'client', client, keyId: 'k' as never, grants: undefined };
  return {
    route: at,
    target: { name: 'slack', tenant: 'slack-production' } as Target,
    actor,
    origin: {
      requestId: newRequestId(systemRandom),
      traceId: newTraceId(now, systemRandom),
      spanId: newSpanId(systemRandom),
      callerRequestId: 'theirs-1',
      remote: '127.0.0.1',
      idempotencyKey: null,
      publicBase: '',
      abandoned: () => false,
    },
    configVersion: of.version,
    operation: deactivation(),
    actions: ['users:deactivate'] as Action[],
    before: of.current,
    after: of.current === null ? null : { ...of.current, active: false },
    rule: 'guards.mass-leave',
    batch: 'mass-leave entra',
    by: 1,
    expiresMs: 86_400_000,
    rememberMs: 604_800_000,
    keepsPasswords: false,
  };
};

/** A person with a token. */
export const person = (name: string) => ({ name, local: false });
