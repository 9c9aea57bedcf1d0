/**
 * OpenTelemetry, started after the listener is up. Configured by the standard `OTEL_*` variables or
 * `OTEL_CONFIG_FILE` only; without any of them nothing is exported and the SDK is not even loaded.
 * Whether exporters are slow, down or misconfigured: no call here throws, waits or grows.
 */
import type { Telemetry, TelemetryOptions } from './telemetry.ts';
import { wantedSignals } from './wanted-signals.ts';

const ownResource = ({ env, version, instanceId }: TelemetryOptions) => ({
  'service.name': (env['OTEL_SERVICE_NAME'] ?? '').trim() || 'sallyport',
  'service.version': version,
  'service.instance.id': instanceId,
});

const idle = (options: TelemetryOptions): Telemetry => ({
  resource: ownResource(options),
  connect: () => {},
  requestSettled: () => {},
  deliveryAttempted: () => {},
  planChanged: () => {},
  doubtSettled: () => {},
  shutdown: () => Promise.resolve(),
});

/** Starts telemetry. Never rejects: what cannot start is logged, and the gateway goes on without. */
export const startTelemetry = async (options: TelemetryOptions): Promise<Telemetry> => {
  const wanted = wantedSignals(options.env);
  if (wanted === null) return idle(options);
  try {
    const { startSdk } = await import('./start-sdk.ts');
    return startSdk(options, ownResource(options), wanted);
  } catch (cause) {
    const { describeFailure } = await import('./failure.ts');
    options.log.line('error', 'telemetry.failed', { cause: describeFailure(cause) });
    return idle(options);
  }
};
