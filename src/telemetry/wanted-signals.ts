/**
 * Which signals the environment asks to be exported (OpenTelemetry SDK environment variables). The
 * specification exports to localhost when nothing is said; we stay silent unless asked.
 */

export type WantedSignals = Readonly<{
  /** A declarative configuration decides everything. */
  configFile: boolean;
  traces: boolean;
  metrics: boolean;
  logs: boolean;
}>;

type Environment = Readonly<Record<string, string | undefined>>;

/** Null where nothing is asked for, or `OTEL_SDK_DISABLED` says so. */
export const wantedSignals = (env: Environment): WantedSignals | null => {
  const given = (name: string): boolean => (env[name] ?? '').trim() !== '';
  if ((env['OTEL_SDK_DISABLED'] ?? '').trim().toLowerCase() === 'true') return null;
  if (given('OTEL_CONFIG_FILE')) {
    return { configFile: true, traces: true, metrics: true, logs: true };
  }
  const all = given('OTEL_EXPORTER_OTLP_ENDPOINT');
  const wanted = (signal: string): boolean =>
    (env[`OTEL_${signal}_EXPORTER`] ?? '').trim() !== 'none' &&
    (all || given(`OTEL_${signal}_EXPORTER`) || given(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`));
  const signals = {
    configFile: false,
    traces: wanted('TRACES'),
    metrics: wanted('METRICS'),
    logs: wanted('LOGS'),
  };
  return signals.traces || signals.metrics || signals.logs ? signals : null;
};
