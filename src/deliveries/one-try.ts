/**
 * What all calls of one try share: its trace, its deadline, the check right before the first byte and
 * the list of calls made, and how what became of a call is read.
 */
import { newSpanId, type Random, type SpanId, type TraceId } from '../ids.ts';
import type { Call } from '../identity/call.ts';
import type { Standing } from '../passage/dispatch.ts';
import type { Target } from '../snapshot.ts';
import { retryAfterMs } from '../targets/answer.ts';
import type { SendOptions, Sent, TargetFailure, Targets } from '../targets/send.ts';
import { isCounted, statusMeaning } from './backoff.ts';
import { dead, type CallMade, type Outcome } from './tried.ts';

/** What tries are made with. */
export type TryDeps = Readonly<{
  targets: Targets;
  random: Random;
  /** Wall ms that does not jump: what is signed and compared. */
  now(): number;
  /** False: nothing goes out, for signatures carry the time. */
  clockTrusted(): boolean;
  standing: Pick<Standing, 'frozen'>;
}>;

/** One try. `calls` grows as calls are made. */
export type OneTry = Readonly<{
  route: string;
  lane: string;
  traceId: TraceId;
  /** Monotonic ms; ends before the lease does. */
  deadline: number;
  /** False once the gateway stops: what has not left stays. */
  mayStart(): boolean;
  calls: CallMade[];
}>;

const lastCheck =
  (deps: TryDeps, one: OneTry, target: Target, mutation: boolean) => (): TargetFailure | null => {
    if (!one.mayStart()) return 'shutting_down';
    if (!deps.clockTrusted()) return 'clock_untrusted';
    const scope = { tenant: target.tenant, route: one.route, client: '' };
    return mutation && deps.standing.frozen(scope) !== false ? 'target_frozen' : null;
  };

/** Options of one call of this try; its first attempt carries the span id that `traceparent` names. */
export const callOptions = (
  deps: TryDeps,
  one: OneTry,
  target: Target,
  call: Call,
  headers: Readonly<Record<string, string>>,
): SendOptions => {
  const first: SpanId = newSpanId(deps.random);
  return {
    client: one.lane,
    baseUrl: target.settings.baseUrl,
    revocation: false,
    headers: { ...headers, traceparent: `00-${one.traceId}-${first}-01` },
    deadline: one.deadline,
    lastCheck: lastCheck(deps, one, target, call.mutation),
    onAttempt: (report) => {
      one.calls.push({
        spanId: report.ordinal <= 1 ? first : newSpanId(deps.random),
        target: target.name,
        call: {
          method: call.method,
          template: call.template,
          purpose: call.mutation ? 'call' : 'lookup',
        },
        report,
      });
    },
  };
};

/** What a failure without an answer means. */
const unanswered = (sent: Exclude<Sent, { kind: 'answered' }>): Outcome => {
  if (sent.kind === 'not-sent' && sent.reason === 'unprintable') return dead('unprintable');
  const counted = sent.kind === 'in-doubt' || isCounted(sent.code);
  const seconds = sent.kind === 'not-sent' ? sent.retryAfterSeconds : undefined;
  return {
    kind: 'again',
    reason: counted ? sent.reason : sent.code,
    status: null,
    detail: null,
    retryAfterMs: seconds === undefined ? null : seconds * 1_000,
    counted,
  };
};

/** What became of a call, as the outcome of its delivery. */
export const outcomeOf = (sent: Sent, now: number): Outcome => {
  if (sent.kind !== 'answered') return unanswered(sent);
  const { answer } = sent;
  const { status } = answer;
  const meaning = statusMeaning(status);
  if (meaning === 'delivered') return { kind: 'delivered', status };
  const detail = answer.excerpt === '' ? null : answer.excerpt;
  if (meaning === 'again') {
    const asked = retryAfterMs(answer, now);
    return {
      kind: 'again',
      reason: String(status),
      status,
      detail,
      retryAfterMs: asked,
      counted: true,
    };
  }
  const reason = meaning === 'gone' ? 'gone' : status < 400 ? 'redirected' : String(status);
  return { kind: 'dead', reason, status, detail, gone: meaning === 'gone' };
};

/** A target that the snapshot does not have (any more): its lane rests until a reload. */
export const noTarget: Outcome = Object.freeze({
  kind: 'again',
  reason: 'target_unconfigured',
  status: null,
  detail: null,
  retryAfterMs: null,
  counted: false,
});
