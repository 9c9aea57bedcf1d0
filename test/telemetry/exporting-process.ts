/**
 * A process with telemetry as `serve` has it, for tests: the SDK reads its own process's environment.
 * Settles mutations and reads as its arguments say, and prints one line of JSON at the end.
 */
import { systemClock } from '../../src/clock.ts';
import { newSpanId, newTraceId, systemRandom } from '../../src/ids.ts';
import { makeLog } from '../../src/telemetry/log.ts';
import { makeObserver } from '../../src/telemetry/make-observer.ts';
import { startTelemetry } from '../../src/telemetry/start-telemetry.ts';
import { attempt, settled, settledRead } from './settled.ts';

const [mutations, reads, shutdownMs] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
];
const lines: string[] = [];
const log = makeLog({ level: 'info', destination: { write: (text) => void lines.push(text) } });
const observer = makeObserver({ log, clock: systemClock });
const parent = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: '53995c3f42cd8ad8',
  continued: false,
};
const ids: { traceId: string; spanId: string; attempt: string }[] = [];
let longestUs = 0;

const settle = (isMutation: boolean): void => {
  const traceId = newTraceId(Date.now(), systemRandom);
  const spanId = newSpanId(systemRandom);
  const sent = { ...attempt(1), spanId: newSpanId(systemRandom) };
  const make = isMutation ? settled : settledRead;
  const record = make({ traceId, spanId, parent, attempts: [sent] });
  if (isMutation) ids.push({ traceId, spanId, attempt: sent.spanId });
  const began = performance.now();
  observer.requestSettled(record);
  longestUs = Math.max(longestUs, (performance.now() - began) * 1_000);
};

// One before telemetry is there, as while the SDK loads.
settle(true);
const telemetry = await startTelemetry({
  env: process.env,
  version: '1.2.3',
  instanceId: 'test:1',
  log,
});
observer.attach(telemetry);
for (let count = 1; count < mutations; count += 1) settle(true);
for (let count = 0; count < reads; count += 1) settle(false);
observer.doubtSettled({
  ledgerId: settled().mutation?.ledgerId as never,
  traceId: settled().traceId,
  target: 'slack',
  outcome: 'applied',
  settledBy: 'read-back',
});
const before = performance.now();
await telemetry.shutdown(shutdownMs);
const shutdownTook = performance.now() - before;
await log.flush();
const result = {
  ids: ids.slice(0, 10),
  shutdownTook,
  longestUs,
  heapMiB: process.memoryUsage().heapUsed / 1024 / 1024,
  prometheus: await observer.prometheus(),
  warnings: lines
    .join('')
    .split('\n')
    .filter((line) => /"level":"(?:warn|error)"/.test(line)),
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
