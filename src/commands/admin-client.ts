/**
 * Runs an admin operation from the command line: through a running gateway's admin API where
 * `--admin` names one, else on the store's own files, which no gateway may be using. What is done
 * without a gateway is recorded as `local`.
 */
import { request } from 'undici';
import { localPerson, perform, type AdminOperation, type AdminResult } from '../admin/operation.ts';
import { systemClock } from '../clock.ts';
import { refuse, type Refusal } from '../errors.ts';
import { adminContext, openFoundation } from '../foundation.ts';
import { systemRandom } from '../ids.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';

/** Where an operation runs. */
export type Reach = Readonly<{
  /** Base URL of a running gateway's admin listener, or null. */
  admin: string | null;
  token: string | null;
  /** The configuration, with its secrets: only asked for where no gateway is named. */
  snapshot(): Promise<Snapshot>;
  observer: Observer;
}>;

/** What comes back: a value, or lines that still come (read them before `done`). */
export type Answered = AdminResult | Refusal;

/** How long an operation may take, ms. */
const answerMsMax = 3_600_000;

const withPath = (entry: AdminOperation, input: Readonly<Record<string, unknown>>) => {
  const rest: Record<string, unknown> = { ...input };
  const path = entry.path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const value = String(rest[name]);
    delete rest[name];
    return encodeURIComponent(value);
  });
  return { path, rest };
};

/** Asks one operation; an answer in lines must be read before the session ends. */
export type Ask = (
  entry: AdminOperation,
  input: Readonly<Record<string, unknown>>,
) => Promise<Answered>;

const gatewayAsk =
  (base: string, token: string): Ask =>
  async (entry, input) => {
    const { path, rest } = withPath(entry, input);
    const url = new URL(`/api/v1${path}`, base);
    const get = entry.method === 'GET';
    if (get)
      for (const [name, value] of Object.entries(rest)) url.searchParams.set(name, String(value));
    let response;
    try {
      response = await request(url, {
        method: entry.method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        // A rollback of thousands of entries answers once it is through.
        headersTimeout: answerMsMax,
        bodyTimeout: answerMsMax,
        ...(get ? {} : { body: JSON.stringify(rest) }),
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return refuse('internal', `No gateway answers at --admin ${base}: ${why}.`);
    }
    if (response.statusCode !== 200) {
      const body = (await response.body.json().catch(() => null)) as {
        detail?: unknown;
        code?: unknown;
      } | null;
      const detail = typeof body?.detail === 'string' ? body.detail : `HTTP ${response.statusCode}`;
      return refuse('internal', detail);
    }
    const media = String(response.headers['content-type']);
    if (/ndjson|yaml/.test(media)) {
      const lines = response.body.setEncoding('utf8') as AsyncIterable<string>;
      return media.includes('yaml') ? { lines, yaml: true } : { lines };
    }
    return { json: await response.body.json() };
  };

const askStore = async (reach: Reach, session: (ask: Ask) => Promise<void>): Promise<void> => {
  const snapshot = await reach.snapshot();
  const deps = { clock: systemClock, random: systemRandom, observer: reach.observer };
  const foundation = await openFoundation(deps, snapshot);
  try {
    const context = adminContext(deps, foundation, () => snapshot, {
      status: () => ({ version: snapshot.version, problems: [], waiting: null, lastGood: false }),
      apply: async () => null,
    });
    await session((entry, input) => perform(entry, context, localPerson, input));
  } finally {
    await foundation.close();
  }
};

const withoutToken: Ask = async () =>
  refuse('caller_refused', 'Set SALLYPORT_ADMIN_TOKEN to a person’s token (spa_…).');

/** Runs `session` with a way to ask operations, while what they stand on is open. */
export const runSession = async (
  reach: Reach,
  session: (ask: Ask) => Promise<void>,
): Promise<void> => {
  if (reach.admin === null) return askStore(reach, session);
  return session(reach.token === null ? withoutToken : gatewayAsk(reach.admin, reach.token));
};

/** Runs `entry` and hands its answer to `use` while what it stands on is open. */
export const runOperation = (
  reach: Reach,
  entry: AdminOperation,
  input: Readonly<Record<string, unknown>>,
  use: (answer: Answered) => Promise<void>,
): Promise<void> => runSession(reach, async (ask) => use(await ask(entry, input)));
