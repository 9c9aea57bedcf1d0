/** What an observer hands its records to, and what that is started with. Types only. */
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { DeliveryAttempted, PlanChanged, Observer, RequestSettled } from './observe.ts';

/** What an observer hands its records to. */
export type Telemetry = Readonly<{
  /** Attributes of the resource, for `target_info`. */
  resource: Readonly<Record<string, string>>;
  /** Gives metrics to the exporters, and losses to the metrics. Once. */
  connect(metrics: Metrics): void;
  requestSettled(record: RequestSettled): void;
  deliveryAttempted(record: DeliveryAttempted): void;
  planChanged(record: PlanChanged): void;
  /** `at`: wall ms. */
  doubtSettled(record: Parameters<Observer['doubtSettled']>[0], at: number): void;
  /** Flushes what waits and closes; resolves after `deadlineMs` at the latest. */
  shutdown(deadlineMs: number): Promise<void>;
}>;

export type TelemetryOptions = Readonly<{
  /** The process's environment. The SDK reads `OTEL_*` from `process.env` itself. */
  env: Readonly<Record<string, string | undefined>>;
  version: string;
  instanceId: string;
  log: Log;
}>;
