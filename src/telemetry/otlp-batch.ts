/**
 * A bounded batch of items on its way to an OTLP endpoint. Items are encoded into it as they come;
 * one export at a time, the newest dropped when the bound is reached, every loss counted. Same rules
 * as the SDK's batch processors, which hold trees of objects instead, and drop silently.
 */
import { makeWriter, type Writer } from './protobuf.ts';

export type BatchLimits = Readonly<{
  /** Items that may wait. */
  queueMax: number;
  /** Items of one export. */
  batchMax: number;
  /** Time an item waits for company, ms. */
  lingerMs: number;
}>;

export type OtlpBatch = Readonly<{
  /** Adds one item, which `write` encodes; `write` is not called when there is no room. */
  push(write: (writer: Writer) => void): void;
  /** Sends what waits now; resolves when it is sent or lost, never rejects. */
  flush(): Promise<void>;
}>;

export type BatchDeps = Readonly<{
  /** Sends encoded items; resolves true when they were taken. Has a time limit of its own. */
  send(entries: Uint8Array, count: number): Promise<boolean>;
  lost(errorType: 'queue_full' | 'export_failed', count: number): void;
}>;

/** A batch begins with the size of the one before, in these bounds, and grows as needed. */
const roomBytesMin = 16 * 1024;
const roomBytesMax = 4 * 1024 * 1024;
/** Bytes that may wait, beside the limit of items. */
const waitingBytesMax = 32 * 1024 * 1024;

type Piece = Readonly<{ writer: Writer; count: number }>;

/** Makes a batch. Its timer never keeps the process alive. */
export const makeOtlpBatch = (limits: BatchLimits, deps: BatchDeps): OtlpBatch => {
  const sealed: Piece[] = [];
  let sealedItems = 0;
  let sealedBytes = 0;
  let writer = makeWriter(roomBytesMin);
  let count = 0;
  let timer: NodeJS.Timeout | null = null;
  let sending: Promise<void> | null = null;

  const seal = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (count === 0) return;
    sealed.push({ writer, count });
    sealedItems += count;
    sealedBytes += writer.at;
    writer = makeWriter(Math.min(roomBytesMax, Math.max(roomBytesMin, writer.at)));
    count = 0;
  };
  const sendNext = async (): Promise<void> => {
    const piece = sealed.shift();
    if (piece === undefined) return;
    const entries = piece.writer.bytes.subarray(0, piece.writer.at);
    const taken = await deps.send(entries, piece.count).catch(() => false);
    sealedItems -= piece.count;
    sealedBytes -= entries.length;
    if (!taken) deps.lost('export_failed', piece.count);
  };
  const go = (): void => {
    if (sending !== null || sealed.length === 0) return;
    sending = sendNext().finally(() => {
      sending = null;
      go();
    });
  };
  const sealAndGo = (): void => {
    seal();
    go();
  };
  return {
    push: (write) => {
      if (sealedItems + count >= limits.queueMax || sealedBytes + writer.at >= waitingBytesMax) {
        return deps.lost('queue_full', 1);
      }
      write(writer);
      count += 1;
      if (count >= limits.batchMax) sealAndGo();
      else timer ??= setTimeout(sealAndGo, limits.lingerMs).unref();
    },
    flush: async () => {
      sealAndGo();
      // What comes in meanwhile is a later flush's.
      let left = sealed.length + 1;
      while (left > 0) {
        left -= 1;
        await sending;
      }
    },
  };
};
