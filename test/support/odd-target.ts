/**
 * A gateway before a target with a dialect of its own: a SCIM server in memory whose answers a test
 * can bend call by call.
 */
import { makeScimStore, type ScimStore } from '../campaigns/scim-store.ts';
import { mainConfig, startFixture, type Fixture } from './fixture.ts';
import { startStubTarget, type StubAnswer, type StubCall, type StubTarget } from './stub-target.ts';

export type OddTarget = Readonly<{
  fixture: Fixture;
  store: ScimStore;
  stub: StubTarget;
  /** Answers before the server does; null lets the server answer. */
  bend(answer: ((call: StubCall) => StubAnswer | null | Promise<StubAnswer | null>) | null): void;
  /** `PATCH /Groups/n1` and so on: the mutations since the last `forget`. */
  sent(): readonly string[];
  bodies(): readonly Readonly<Record<string, unknown>>[];
  forget(): void;
  /** Ids of a group's members at the target, sorted. */
  members(id: string): readonly string[];
  stop(): Promise<void>;
}>;

/** `knobs` in YAML flow style: `{ put: none }`; `more` goes beside it in the target. */
export const startOddTarget = async (
  knobs: string,
  change: (config: string) => string = (config) => config,
  clients?: readonly string[],
): Promise<OddTarget> => {
  const store = makeScimStore(() => Date.now());
  let bent: Parameters<OddTarget['bend']>[0] = null;
  let forgotten = 0;
  const stub = await startStubTarget(async (call) => {
    const answer = bent === null ? null : await bent(call);
    if (answer !== null) return answer;
    const text = call.body === null ? '' : JSON.stringify(call.body);
    return store.handle(call.method, call.path, call.query.toString(), text);
  });
  const fixture = await startFixture({
    ...(clients === undefined ? {} : { clients }),
    config: () =>
      change(mainConfig(stub.url).replace('timeout: 5s', `timeout: 5s\n    knobs: ${knobs}`)),
  });
  const mutations = (): readonly StubCall[] =>
    stub.calls.slice(forgotten).filter(({ method }) => method !== 'GET');
  return {
    fixture,
    store,
    stub,
    bend: (answer) => {
      bent = answer;
    },
    sent: () => mutations().map(({ method, path }) => `${method} ${path}`),
    bodies: () => mutations().map(({ body }) => body as Record<string, unknown>),
    forget: () => {
      forgotten = stub.calls.length;
    },
    members: (id) => {
      const members = (store.look('Groups', id)?.['members'] ?? []) as unknown as readonly {
        value: string;
      }[];
      return members.map(({ value }) => value).sort();
    },
    stop: async () => {
      await fixture.stop();
      await stub.stop();
    },
  };
};
