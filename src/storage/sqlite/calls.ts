/**
 * Calls between the event loop and a worker: one message each way, answered in order. Errors cross
 * as code and message and become GatewayError `ledger_unavailable` here, at the seam.
 */
import { Worker, type MessagePort } from 'node:worker_threads';
import { GatewayError } from '../../errors.ts';

type CallMessage = { id: number; method: string; given: readonly unknown[] };
type AnswerMessage =
  | { ready: true }
  | { id: number; value: unknown }
  | { id: number; code: string; message: string };

// Handlers get back what `call` sent; the facade in open.ts types both ends.
type Handlers = Readonly<Record<string, (...given: never[]) => unknown>>;

/** Buffers arrive as Uint8Array; gives them back their type, in place. */
const revive = (value: unknown): unknown => {
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Record<string, unknown>;
  for (const key of Object.keys(object)) {
    const member = object[key];
    if (typeof member === 'object' && member !== null) object[key] = revive(member);
  }
  return object;
};

/** The driver's code of an error (`SQLITE_FULL`), or ''. */
export const codeOf = (error: unknown): string => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  return typeof code === 'string' ? code : '';
};

/** In a worker: says that it is ready, then answers each call by the table. */
export const answerCalls = (port: MessagePort | null, handlers: Handlers): void => {
  if (port === null) throw new TypeError('this file is the entry of a worker thread');
  const table = new Map(Object.entries(handlers));
  port.on('message', ({ id, method, given }: CallMessage) => {
    try {
      const handler = table.get(method) as (...given: unknown[]) => unknown;
      port.postMessage({ id, value: handler(...given.map(revive)) });
    } catch (error) {
      const code = codeOf(error);
      const message = error instanceof Error ? error.message : 'unknown';
      port.postMessage({ id, code, message });
    }
  });
  port.postMessage({ ready: true });
};

/** A worker as the event loop sees it. */
export type Calls = Readonly<{
  call(method: string, ...given: readonly unknown[]): Promise<unknown>;
  /** As `call`; buffers that own their memory are moved, not copied. */
  move(method: string, ...given: readonly unknown[]): Promise<unknown>;
  end(): Promise<void>;
}>;

type Waiter = { resolve(value: unknown): void; reject(error: GatewayError): void };

const failed = (code: string, message: string) =>
  new GatewayError('ledger_unavailable', {
    cause: Object.assign(new Error(message), code === '' ? {} : { code }),
  });

const ownedBuffers = (given: readonly unknown[]): ArrayBuffer[] => {
  const owned = new Set<ArrayBuffer>();
  for (const value of given) {
    if (typeof value !== 'object' || value === null) continue;
    for (const member of Object.values(value)) {
      if (!(member instanceof Uint8Array)) continue;
      // A slice of the shared pool must be copied: moving would take its neighbours along.
      const { buffer } = member;
      if (buffer instanceof ArrayBuffer && buffer.byteLength === member.byteLength) {
        owned.add(buffer);
      }
    }
  }
  return [...owned];
};

/** Starts a worker; resolves when it is ready, rejects with what kept it from starting. */
export const startWorker = (
  entry: URL,
  workerData: unknown,
  onLost: (error: Error) => void,
): Promise<Calls> =>
  new Promise((resolve, reject) => {
    // A small nursery: batches come and go, and their memory with it.
    const worker = new Worker(entry, {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    const waiters = new Map<number, Waiter>();
    let next = 1;
    let lost: string | null = null;
    const send = (method: string, given: readonly unknown[], moved: ArrayBuffer[]) =>
      new Promise<unknown>((resolveCall, rejectCall) => {
        if (lost !== null) return rejectCall(failed('', lost));
        const id = next;
        next += 1;
        waiters.set(id, { resolve: resolveCall, reject: rejectCall });
        worker.postMessage({ id, method, given }, moved);
      });
    const lose = (error: Error): void => {
      if (lost !== null) return;
      lost = error.message;
      for (const waiter of waiters.values()) waiter.reject(failed('', error.message));
      waiters.clear();
      reject(error);
      onLost(error);
    };
    worker.on('error', lose);
    worker.on('exit', () => lose(new Error('the worker ended')));
    worker.on('message', (message: AnswerMessage) => {
      if ('ready' in message) {
        resolve({
          call: (method, ...given) => send(method, given, []),
          move: (method, ...given) => send(method, given, ownedBuffers(given)),
          end: async () => {
            await send('close', [], []).catch(() => undefined);
            lost = 'the store is closed';
            await worker.terminate();
          },
        });
        return;
      }
      const waiter = waiters.get(message.id);
      waiters.delete(message.id);
      if ('code' in message) waiter?.reject(failed(message.code, message.message));
      else waiter?.resolve(revive(message.value));
    });
  });
