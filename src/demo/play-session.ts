/**
 * Plays the session against a running gateway and holds what happened against what was expected:
 * the answer, what the gateway observed, the ledger's entry and what the target stores.
 */
import { request } from 'undici';
import type { RequestSettled } from '../telemetry/observe.ts';
import type { DemoClient } from './route-file.ts';
import type { StoredType } from './spawn-sandbox.ts';
import type { Step } from './step.ts';

type Resource = Readonly<Record<string, unknown>>;

/** The parts of a ledger row that are looked at. */
export type LedgerRow = Readonly<{
  id: string;
  traceId: string;
  decision: string;
  outcome: string | null;
  actions: readonly string[];
  normalised: readonly Readonly<{ path: string; rule: string }>[];
}>;

export type PlayDeps = Readonly<{
  /** URL of the route, without a trailing slash. */
  routeUrl: string;
  keys: Readonly<Record<DemoClient | 'stranger', string>>;
  /** Ids by kept name; grows. */
  ids: Map<string, string>;
  /** What the gateway told of the request with this trace. */
  observed(traceId: string): RequestSettled | undefined;
  stored(type: StoredType): Promise<readonly Resource[]>;
}>;

/** One call as it was. */
export type Played = Readonly<{
  step: Step;
  status: number;
  code: string | null;
  detail: string | null;
  ledgerId: string | null;
  traceId: string;
  actions: readonly string[];
  decision: string | null;
  repairs: readonly string[];
  /** The target's resource afterwards, where the step says what it must hold. */
  held: Resource | null;
}>;

const fill = (text: string, ids: ReadonlyMap<string, string>): string =>
  text.replace(/\{([a-z]+)\}/g, (all, name: string) => ids.get(name) ?? all);

const textHeader = (value: string | string[] | undefined): string | null =>
  typeof value === 'string' ? value : null;

/** SCIM errors carry our members in an extension, problem+json at the top. */
const errorOf = (body: Resource | null): Resource =>
  (body?.['urn:sallyport:error'] as Resource | undefined) ?? body ?? {};

/** Plays one step. Rejects only where the gateway cannot be reached. */
export const playStep = async (step: Step, deps: PlayDeps): Promise<Played> => {
  const { ids } = deps;
  const path = fill(step.path, ids);
  const body = step.raw ?? (step.body === undefined ? null : fill(JSON.stringify(step.body), ids));
  const response = await request(`${deps.routeUrl}${path}`, {
    method: step.method,
    headers: {
      authorization: `Bearer ${deps.keys[step.client]}`,
      ...(body === null ? {} : { 'content-type': 'application/scim+json' }),
    },
    body,
  });
  const text = await response.body.text();
  const answer = text.startsWith('{') ? (JSON.parse(text) as Resource) : null;
  const traceId = textHeader(response.headers['trace-id']) ?? '';
  const seen = deps.observed(traceId);
  const id = answer?.['id'];
  if (step.keeps !== undefined && typeof id === 'string') ids.set(step.keeps, id);
  const code = errorOf(answer)['code'];
  const detail = answer?.['detail'];
  const of = step.method === 'POST' ? id : path.split('/').at(-1);
  const type: StoredType = step.path.startsWith('/Groups') ? 'Group' : 'User';
  const stored = step.expect.holds === undefined ? [] : await deps.stored(type);
  return {
    step,
    status: response.statusCode,
    code: typeof code === 'string' ? code : null,
    detail: typeof detail === 'string' ? detail : null,
    ledgerId: textHeader(response.headers['sallyport-ledger-id']),
    traceId,
    actions: seen?.actions ?? [],
    decision: seen?.decision ?? null,
    repairs: seen?.repairs ?? [],
    held: stored.find((resource) => resource['id'] === of) ?? null,
  };
};

/** Has `actual` at least what `wanted` has? Arrays are compared whole, element by element. */
export const has = (actual: unknown, wanted: unknown): boolean => {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((item, at) => has(actual[at], item))
    );
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof actual !== 'object' || actual === null) return false;
    return Object.entries(wanted).every(([name, value]) => has((actual as Resource)[name], value));
  }
  return actual === wanted;
};

const sameSet = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every((entry) => right.includes(entry));

/** Must the ledger know of it? Every mutation that was understood, sent or not. */
export const isRecorded = ({ method, expect }: Step): boolean =>
  method !== 'GET' && expect.actions !== undefined;

/** Where a played step differs from what was expected; empty where it does not. */
export const differences = (
  played: Played,
  row: LedgerRow | undefined,
  ids: ReadonlyMap<string, string>,
): readonly string[] => {
  const { expect } = played.step;
  const out: string[] = [];
  const hold = (fits: boolean, what: string, wanted: unknown, got: unknown): void => {
    if (!fits) out.push(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
  };
  const code = expect.code ?? null;
  const actions = expect.actions ?? [];
  hold(played.status === expect.status, 'status', expect.status, played.status);
  hold(played.code === code, 'code', code, played.code);
  hold(sameSet(played.actions, actions), 'actions', actions, played.actions);
  if (expect.repairs !== undefined)
    hold(sameSet(played.repairs, expect.repairs), 'repairs', expect.repairs, played.repairs);
  if (expect.holds !== undefined) {
    const wanted: unknown = JSON.parse(fill(JSON.stringify(expect.holds), ids));
    hold(has(played.held, wanted), 'the target holds', wanted, played.held);
  }
  if (!isRecorded(played.step)) return out;
  // A call that was refused before it went out is a denial, or waits: it has no outcome and no id to answer.
  const sent = code === null || code === 'target_refused';
  const outcome = sent ? (code === null ? 'applied' : 'rejected') : null;
  const notSent = code === 'mutation_held' ? 'hold' : 'deny';
  const decision = sent ? 'allow' : notSent;
  hold(row?.decision === decision, 'recorded decision', decision, row?.decision ?? null);
  hold((row?.outcome ?? null) === outcome, 'recorded outcome', outcome, row?.outcome ?? null);
  hold(sameSet(row?.actions ?? [], actions), 'recorded actions', actions, row?.actions ?? []);
  if (sent) hold(row?.id === played.ledgerId, 'recorded as', played.ledgerId, row?.id ?? null);
  if (expect.normalised !== undefined) {
    const got = (row?.normalised ?? []).map(({ path, rule }) => `${path} ${rule}`);
    hold(sameSet(got, expect.normalised), 'normalised', expect.normalised, got);
  }
  return out;
};
