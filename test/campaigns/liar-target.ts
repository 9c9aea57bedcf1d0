/**
 * A target that lies about what it did, and knows the truth: per ledger id whether the change was
 * made whole, partly or never, however late. What it never does is say 2xx for nothing, but for one
 * kind of lie that is counted apart.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Chance } from './random.ts';
import { patched, type Handled, type Json, type Resource, type ScimStore } from './scim-store.ts';
import { answer, startScimTarget, type Asked, type ScimTarget } from './scim-target.ts';

export type Truth = 'applied' | 'partly' | 'never';

/** What became of one mutation at the target. */
export type Fate = { readonly lie: Lie; truth: Truth };

export type LiarTarget = ScimTarget &
  Readonly<{
    /** By ledger id. */
    fates: ReadonlyMap<string, Fate>;
    /** Resolves when nothing is left to be applied late. */
    quiet(): Promise<void>;
  }>;

export type LiarOptions = Readonly<{
  chance: Chance;
  /** How long after the death of its socket a change is made: soon, and beyond any patience. */
  lateMs: Readonly<{ soon: number; beyond: number }>;
  /** How long reads may show the version before. */
  staleMs: number;
}>;

const lies = [
  'honest',
  'honest',
  'honest',
  'honest',
  'honest',
  'refused',
  'dies unread',
  'applied and dropped',
  'applied and 500',
  'half and 500',
  'only 500',
  'late',
  'very late',
  'applied and silent',
  'silent',
  'accepted, then applied',
  'applied, answered a page',
  'says 200 and does nothing',
] as const;
export type Lie = (typeof lies)[number];

/** 2xx without the change: out of what reading the answer can tell, so counted apart. */
export const beyondClaim: ReadonlySet<Lie> = new Set(['says 200 and does nothing']);

const scimError = (status: number): Omit<Handled, 'changed'> => ({
  status,
  body: {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
    status: String(status),
    detail: 'no',
  },
});

const halfOf = (asked: Asked, store: ScimStore): Truth | null => {
  const id = decodeURIComponent(asked.path.split('/')[2] ?? '');
  const before = store.look('Users', id);
  if (asked.method !== 'PATCH' || before === null) return null;
  const message = JSON.parse(asked.body) as { Operations: readonly Json[] };
  const most = Math.max(1, Math.floor(message.Operations.length / 2));
  const whole = JSON.stringify(patched(before, message));
  const half = JSON.stringify(patched(before, message, most));
  const body = JSON.stringify({ ...message, Operations: message.Operations.slice(0, most) });
  store.handle(asked.method, asked.path, asked.query, body);
  if (half === whole) return 'applied';
  return half === JSON.stringify(before) ? 'never' : 'partly';
};

const madeBy = ({ changed }: Handled): Truth => (changed === null ? 'never' : 'applied');

type Liar = Readonly<{
  options: LiarOptions;
  fates: Map<string, Fate>;
  waiting: Set<Promise<void>>;
  /** Former versions by id, with when they ended. */
  former: Map<string, Readonly<{ at: number; resource: Resource }>>;
}>;

const carryOut = ({ former }: Liar, asked: Asked, store: ScimStore): Handled => {
  const handled = store.handle(asked.method, asked.path, asked.query, asked.body);
  const before = handled.changed?.before;
  if (handled.changed !== null && before !== null && before !== undefined) {
    former.set(handled.changed.id, { at: performance.now(), resource: before });
  }
  return handled;
};

const later = (liar: Liar, ms: number, run: () => void): void => {
  const { promise, resolve } = Promise.withResolvers<void>();
  liar.waiting.add(promise);
  setTimeout(() => {
    run();
    liar.waiting.delete(promise);
    resolve();
  }, ms);
};

type Act = (liar: Liar, asked: Asked, store: ScimStore, fate: Fate) => void;

const applyLate =
  (ms: (liar: Liar) => number, reply: (outgoing: ServerResponse) => void): Act =>
  (liar, asked, store, fate) => {
    reply(asked.outgoing);
    later(liar, ms(liar), () => {
      fate.truth = madeBy(carryOut(liar, asked, store));
    });
  };

const applyThen =
  (reply: (outgoing: ServerResponse, handled: Handled) => void): Act =>
  (liar, asked, store, fate) => {
    const handled = carryOut(liar, asked, store);
    fate.truth = madeBy(handled);
    reply(asked.outgoing, handled);
  };

const only =
  (reply: (outgoing: ServerResponse) => void): Act =>
  (_liar, asked) =>
    reply(asked.outgoing);

const page = (outgoing: ServerResponse): void => {
  outgoing.writeHead(200, { 'content-type': 'text/html' });
  outgoing.end('<html>thank you</html>');
};
const destroy = (outgoing: ServerResponse): void => {
  outgoing.destroy();
};
const silent = (): void => {};

const acts: Readonly<Record<Lie, Act>> = {
  honest: applyThen(answer),
  refused: only((outgoing) => answer(outgoing, scimError(400))),
  'dies unread': only(destroy),
  'applied and dropped': applyThen(destroy),
  'applied and 500': applyThen((outgoing) => answer(outgoing, scimError(500))),
  'half and 500': (liar, asked, store, fate) => {
    fate.truth = halfOf(asked, store) ?? madeBy(carryOut(liar, asked, store));
    answer(asked.outgoing, scimError(500));
  },
  'only 500': only((outgoing) => answer(outgoing, scimError(503))),
  late: applyLate(({ options }) => options.lateMs.soon, destroy),
  'very late': applyLate(({ options }) => options.lateMs.beyond, destroy),
  'applied and silent': applyThen(silent),
  silent: only(silent),
  'accepted, then applied': applyLate(
    ({ options }) => options.lateMs.soon,
    (outgoing) => answer(outgoing, { status: 202, body: null }),
  ),
  'applied, answered a page': applyThen(page),
  'says 200 and does nothing': (_liar, asked, store) => {
    const id = decodeURIComponent(asked.path.split('/')[2] ?? '');
    const held = store.look('Users', id);
    if (asked.method === 'DELETE') return answer(asked.outgoing, { status: 204, body: null });
    return asked.method === 'POST'
      ? answer(asked.outgoing, { status: 201, body: { id: 'made-up' } })
      : answer(asked.outgoing, { status: held === null ? 404 : 200, body: held });
  },
};

const read = ({ options, former }: Liar, asked: Asked, store: ScimStore): void => {
  const handled = store.handle(asked.method, asked.path, asked.query, asked.body);
  const old = former.get(decodeURIComponent(asked.path.split('/')[2] ?? ''));
  const stale = old !== undefined && performance.now() - old.at < options.staleMs;
  if (stale && options.chance.often(0.4)) {
    return answer(asked.outgoing, { status: 200, body: old.resource });
  }
  return answer(asked.outgoing, handled);
};

/** Starts it. */
export const startLiar = async (options: LiarOptions): Promise<LiarTarget> => {
  const liar: Liar = { options, fates: new Map(), waiting: new Set(), former: new Map() };
  const drawn = new WeakMap<IncomingMessage, Fate>();
  const target = await startScimTarget({
    early: (incoming) => {
      if (incoming.method === 'GET') return false;
      const fate: Fate = { lie: options.chance.pick(lies), truth: 'never' };
      drawn.set(incoming, fate);
      liar.fates.set(String(incoming.headers['sallyport-ledger-id']), fate);
      if (fate.lie === 'dies unread') incoming.destroy();
      return fate.lie === 'dies unread';
    },
    serve: (asked, store) => {
      const fate = drawn.get(asked.incoming);
      if (fate === undefined) read(liar, asked, store);
      else acts[fate.lie](liar, asked, store, fate);
    },
  });
  return {
    ...target,
    fates: liar.fates,
    quiet: async () => {
      while (liar.waiting.size > 0) await Promise.all(liar.waiting);
    },
  };
};
