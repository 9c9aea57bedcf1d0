import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeOtlpBatch } from '../../src/telemetry/otlp-batch.ts';
import { writeByte, type Writer } from '../../src/telemetry/protobuf.ts';

const item = (writer: Writer): void => writeByte(writer, 7);

const receiver = (answer: () => Promise<boolean>) => {
  const sent: number[] = [];
  const lost: Record<string, number> = {};
  return {
    sent,
    lost,
    deps: {
      send: (entries: Uint8Array, count: number) => {
        assert.equal(entries.length, count);
        sent.push(count);
        return answer();
      },
      lost: (errorType: string, count: number) => {
        lost[errorType] = (lost[errorType] ?? 0) + count;
      },
    },
  };
};

const limits = { queueMax: 10, batchMax: 4, lingerMs: 60_000 };

test('a full batch goes at once, the rest with the flush', async () => {
  const { sent, lost, deps } = receiver(() => Promise.resolve(true));
  const batch = makeOtlpBatch(limits, deps);
  for (let count = 0; count < 9; count += 1) batch.push(item);
  assert.deepEqual(sent, [4]);
  await batch.flush();
  assert.deepEqual(sent, [4, 4, 1]);
  assert.deepEqual(lost, {});
});

test('a receiver that says nothing holds one export and a bounded queue', async () => {
  let release = (_taken: boolean): void => {};
  const { sent, lost, deps } = receiver(
    () =>
      new Promise((resolve) => {
        release = resolve;
      }),
  );
  const batch = makeOtlpBatch(limits, deps);
  for (let count = 0; count < 100_000; count += 1) batch.push(item);
  assert.deepEqual(sent, [4]);
  assert.deepEqual(lost, { queue_full: 99_990 });
  const flushed = batch.flush();
  for (let exported = 1; exported <= 3; exported += 1) {
    release(true);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await flushed;
  assert.deepEqual(sent, [4, 4, 2]);
});

test('what the receiver refuses, or a send that throws, is lost and counted', async () => {
  let round = 0;
  const { lost, deps } = receiver(() => {
    round += 1;
    return round === 1 ? Promise.resolve(false) : Promise.reject(new Error('down'));
  });
  const batch = makeOtlpBatch(limits, deps);
  for (let count = 0; count < 6; count += 1) batch.push(item);
  await batch.flush();
  assert.deepEqual(lost, { export_failed: 6 });
  await batch.flush();
  assert.deepEqual(lost, { export_failed: 6 });
});
