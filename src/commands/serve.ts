/**
 * `sallyport serve`: runs the gateway until a signal ends it. Reloads on SIGHUP and when a file
 * changes, drains on SIGTERM and SIGINT; a second signal ends at once.
 */
import { hostname } from 'node:os';
import { ConfigRefused } from '../beginning.ts';
import { startGateway, type Gateway } from '../gateway.ts';
import { GatewayError } from '../errors.ts';
import { systemClock } from '../clock.ts';
import { systemRandom } from '../ids.ts';
import { makeKeyFetcher } from '../targets/key-fetcher.ts';
import { makeLog } from '../telemetry/log.ts';
import { makeObserver } from '../telemetry/make-observer.ts';
import { startTelemetry } from '../telemetry/start-telemetry.ts';
import { kept, load } from './route-file.ts';
import type { CommandContext } from './command.ts';

/** Time that calls under way have after a signal, ms. */
const drainMs = 25_000;

/** Serves; resolves with the exit code. */
export const serve = async (
  context: CommandContext,
  options: Readonly<{ config: string; strict: boolean }>,
): Promise<number> => {
  const log = makeLog({ level: context.env['LOG_LEVEL'] ?? 'info' });
  const observer = makeObserver({ log, clock: systemClock });
  const keyFetcher = makeKeyFetcher({
    clock: systemClock,
    allowPrivate: [],
    report: ({ host, ok, durationMs }) =>
      observer.note(ok ? 'debug' : 'warn', 'webhook.keys.fetched', { host, ok, ms: durationMs }),
  });
  let gateway: Gateway;
  try {
    gateway = await startGateway({
      clock: systemClock,
      random: systemRandom,
      observer,
      metrics: () => observer.prometheus(),
      keyFetcher,
      load: () => load(options.config, context.env, true, keyFetcher),
      loadKept: (sources) => kept(options.config, context.env, sources, keyFetcher),
      strict: options.strict,
      watch: true,
    });
  } catch (error) {
    await log.flush();
    if (error instanceof ConfigRefused) {
      for (const problem of error.problems) context.error(problem);
      return 1;
    }
    if (error instanceof GatewayError) {
      context.error(`${error.code}: ${error.refusal.detail}`);
      return 1;
    }
    throw error;
  }
  const { data, admin } = gateway;
  observer.note('info', 'gateway.listening', {
    data: `${data.address}:${data.port}`,
    admin: `${admin.address}:${admin.port}`,
    version: gateway.status().version,
  });
  const telemetry = await startTelemetry({
    env: context.env,
    version: context.version,
    instanceId: `${hostname()}:${process.pid}`,
    log,
  });
  observer.attach(telemetry);
  const ended = new Promise<void>((resolve) => {
    let drains = 0;
    const drain = (): void => {
      drains += 1;
      if (drains > 1) return resolve();
      observer.note('info', 'gateway.draining', { drainMs });
      gateway
        .stop(drainMs)
        .catch((cause: unknown) => observer.note('error', 'gateway.stop.failed', { cause }))
        .finally(resolve);
    };
    context.onSignal('SIGTERM', drain);
    context.onSignal('SIGINT', drain);
    context.onSignal('SIGHUP', () => {
      gateway
        .reload()
        .catch((cause: unknown) => observer.note('error', 'config.reload.failed', { cause }));
    });
  });
  await ended;
  observer.note('info', 'gateway.stopped', {});
  await keyFetcher.close();
  await telemetry.shutdown(5_000);
  await log.flush();
  return 0;
};
