/**
 * One attempt on one connection, and the proof of what was sent. undici asks `onRequestStart`
 * synchronously between having a connected socket and writing to it: whatever ends before that
 * returned is `not-sent`, whatever ends after it without a whole answer is `in-doubt`. A reused
 * connection that dies is in doubt too, for bytes may have left.
 */
import { errors, type Dispatcher } from 'undici';
import { GatewayError } from '../errors.ts';
import type { Answer } from '../identity/call.ts';
import { readAnswer } from './answer.ts';
import { nowhere, type Deadlines, type Waiting } from './deadlines.ts';
import type { TargetFailure } from './send.ts';

/** What became of one attempt. `reason` is a short error type: `timeout`, `ECONNREFUSED`. */
export type Attempted =
  | Readonly<{ kind: 'answered'; answer: Answer }>
  | Readonly<{
      kind: 'not-sent';
      code: TargetFailure;
      reason: string;
      /** connect: nobody could be reached; lasting: nor will be next time; ours: we stopped it. */
      cause: 'connect' | 'lasting' | 'ours';
    }>
  | Readonly<{ kind: 'in-doubt'; code: TargetFailure; reason: string }>;

export type AttemptOrder = Readonly<{
  pool: Dispatcher;
  request: Dispatcher.DispatchOptions;
  /** Monotonic ms. */
  deadline: number;
  deadlines: Deadlines;
  /** Asked right before the first byte; a failure stops the attempt as not-sent. */
  lastCheck(): TargetFailure | null;
  /** Told when undici is done with it, which may be after the attempt has settled. */
  released(): void;
  secrets: readonly string[];
  /** Bytes of the answer beyond which it is cut; absent = the pool's own end, which is a failure. */
  answerBytesMax?: number;
}>;

/** Thrown into undici to drop a request before it is written; the connection stays usable. */
class NotStarted extends Error {
  constructor() {
    super('stopped before the first byte');
    this.name = 'NotStarted';
  }
}

const foreignCode = /^[A-Z][A-Z0-9_]{0,63}$/;
/** Failures that undici names in its own way, as error types of telemetry. */
const reasons: ReadonlyMap<string, string> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', 'connect_timeout'],
  ['UND_ERR_SOCKET', 'connection_closed'],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'answer_too_large'],
  ['UND_ERR_HEADERS_OVERFLOW', 'answer_headers_too_large'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'answer_cut'],
]);

/** The low-cardinality type of a foreign error; never its message. */
const reasonOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof GatewayError) return 'address_blocked';
  // undici leaves the code of parser errors empty where llhttp's is unknown to it.
  if (error instanceof errors.HTTPParserError) return 'answer_malformed';
  if (typeof code !== 'string') return 'failure';
  return reasons.get(code) ?? (foreignCode.test(code) ? code : 'failure');
};

/** Errors of certificates and of the guard: the same again next time. */
const isLasting = (error: unknown): boolean =>
  error instanceof GatewayError ||
  /^(ERR_TLS_|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|UND_ERR_INVALID_ARG)/.test(
    String((error as { code?: unknown } | null)?.code),
  );
const isShutDown = (error: unknown): boolean =>
  /^UND_ERR_(DESTROYED|CLOSED)$/.test(String((error as { code?: unknown } | null)?.code));

/** The state of one attempt; a class because undici holds it by identity and calls it per byte. */
class AttemptHandler implements Dispatcher.DispatchHandler, Waiting {
  readonly at: number;
  place = nowhere;
  readonly #order: AttemptOrder;
  readonly #settle: (attempted: Attempted) => void;
  #controller: Dispatcher.DispatchController | null = null;
  #settled = false;
  #released = false;
  #refusedBy: TargetFailure | null = null;
  #status = 0;
  #headers: Readonly<Record<string, string | string[] | undefined>> = {};
  #first: Buffer | null = null;
  #more: Buffer[] | null = null;
  #bytes = 0;

  constructor(order: AttemptOrder, settle: (attempted: Attempted) => void) {
    this.at = order.deadline;
    this.#order = order;
    this.#settle = settle;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // undici may start a request anew on another connection; a second write is never ours to make.
    if (this.#settled || this.#controller !== null) throw new NotStarted();
    try {
      this.#refusedBy = this.#order.lastCheck();
    } catch {
      this.#refusedBy = 'internal';
    }
    if (this.#refusedBy !== null) throw new NotStarted();
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#first === null) this.#first = chunk;
    else (this.#more ??= [this.#first]).push(chunk);
    this.#bytes += chunk.length;
    const most = this.#order.answerBytesMax;
    if (most === undefined || this.#bytes <= most) return;
    // Its status is known: that somebody talks on and on does not undo what they said.
    const answer = this.#answer(most);
    this.#end({ kind: 'answered', answer: { ...answer, body: undefined, readable: false } });
    controller.abort(new NotStarted());
  }

  onResponseEnd(): void {
    this.#end({ kind: 'answered', answer: this.#answer() });
    this.#release();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    const reason = reasonOf(error);
    if (this.#controller !== null) {
      this.#end({ kind: 'in-doubt', code: 'target_unreachable', reason });
    } else if (this.#refusedBy !== null) {
      this.#end({ kind: 'not-sent', code: this.#refusedBy, reason: 'last_check', cause: 'ours' });
    } else if (isShutDown(error)) {
      this.#end({ kind: 'not-sent', code: 'shutting_down', reason: 'closed', cause: 'ours' });
    } else {
      const cause = isLasting(error) ? 'lasting' : 'connect';
      this.#end({ kind: 'not-sent', code: 'target_unreachable', reason, cause });
    }
    this.#release();
  }

  /** The deadline has passed. */
  expire(): void {
    if (this.#controller === null) {
      this.#end({ kind: 'not-sent', code: 'target_timeout', reason: 'timeout', cause: 'connect' });
      return;
    }
    this.#end({ kind: 'in-doubt', code: 'target_timeout', reason: 'timeout' });
    this.#controller.abort(new NotStarted());
  }

  #answer(most?: number): Answer {
    const bytes =
      (this.#more === null ? this.#first : Buffer.concat(this.#more)) ?? Buffer.alloc(0);
    const { secrets } = this.#order;
    return readAnswer(this.#status, this.#headers, bytes.subarray(0, most), secrets);
  }

  #end(attempted: Attempted): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#order.deadlines.drop(this);
    this.#settle(attempted);
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#order.released();
  }
}

/** Makes one attempt. Never rejects. `released` is called exactly once, sooner or later. */
export const makeAttempt = (order: AttemptOrder): Promise<Attempted> =>
  new Promise((resolve) => {
    const handler = new AttemptHandler(order, resolve);
    order.deadlines.add(handler);
    order.pool.dispatch(order.request, handler);
  });
