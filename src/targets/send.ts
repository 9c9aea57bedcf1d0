/**
 * The seam between passage and the network: one function sends a Call and says what became of it.
 * Implemented by `makeTargets`; see pool.ts, connect-guard.ts, credentials.ts, breaker.ts.
 */
import type { Answer, Call } from '../identity/call.ts';
import type { ErrorCode } from '../errors.ts';
import type { AttemptReport } from '../telemetry/observe.ts';

/**
 * What became of a call. `not-sent` is proven: not one byte of the request reached a socket
 * connected to the target (or nobody was connected at all). Everything else without an answer is
 * `in-doubt`. An `answered` call may still mean either (an HTTP 500 after the write, say): that is
 * judged by whoever knows SCIM.
 */
export type Sent =
  | Readonly<{ kind: 'answered'; answer: Answer; attempts: number }>
  | Readonly<{
      kind: 'not-sent';
      code: TargetFailure;
      reason: string;
      retryAfterSeconds?: number;
      attempts: number;
    }>
  | Readonly<{ kind: 'in-doubt'; code: TargetFailure; reason: string; attempts: number }>;

export type TargetFailure = Extract<
  ErrorCode,
  | 'target_unreachable'
  | 'target_timeout'
  | 'target_overloaded'
  | 'target_unconfigured'
  | 'target_frozen'
  | 'target_rate_limited'
  | 'caller_refused'
  | 'shutting_down'
  | 'clock_untrusted'
  | 'ledger_unavailable'
  | 'internal'
>;

export type SendOptions = Readonly<{
  /** Client on whose behalf, for fair queueing and the revocation reserve. */
  client: string;
  /**
   * Base URL that was decided on. A target that lies elsewhere by now (a reload came between) gets
   * nothing: the call is `not-sent`.
   */
  baseUrl?: string;
  /** A change that takes access away keeps a reserved share of queue and slots. */
  revocation: boolean;
  /** Extra request headers of ours: sallyport-ledger-id, traceparent. */
  headers: Readonly<Record<string, string>>;
  /** Monotonic deadline of the whole call including waiting, ms (clock.monotonic()). */
  deadline: number;
  /**
   * Asked synchronously right before the first byte of each attempt: null lets it go, a failure
   * stops it as `not-sent` (key revoked, frozen, expired, shutting down).
   */
  lastCheck(): TargetFailure | null;
  /** Told of each attempt for its CLIENT span; must not throw. */
  onAttempt(attempt: AttemptReport): void;
}>;

export interface Targets {
  send(target: string, call: Call, options: SendOptions): Promise<Sent>;
}
