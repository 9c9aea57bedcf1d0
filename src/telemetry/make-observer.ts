/**
 * The observer of a gateway: what the house tells becomes log lines and metrics at once, and spans
 * and OpenTelemetry log records as soon as telemetry is attached. Until then finished requests wait
 * in a ring of 1,000, so that the SDK may load after the listener is up. Nothing here throws.
 */
import type { Clock } from '../clock.ts';
import type { Log } from './log.ts';
import { makeWebhookLines } from './log-webhooks.ts';
import {
  deliveryEvent,
  deliveryFields,
  deliveryLevels,
  doubtEvent,
  levelOf,
  mutationEvent,
  changeFields,
  planFields,
  noteFields,
  requestEvent,
  requestFields,
} from './log-fields.ts';
import { makeMetrics, type Metrics } from './metrics.ts';
import type { DeliveryAttempted, Observer, RequestSettled } from './observe.ts';
import { isUnrolled, mutationsOf } from './parts.ts';
import { printPrometheus } from './prometheus-text.ts';
import type { Telemetry } from './telemetry.ts';

export type TelemetryObserver = Observer &
  Readonly<{
    /** Hands over what waited, and everything from now on. Once. */
    attach(telemetry: Telemetry): void;
    /** Prometheus text of all metrics; answers whether or not telemetry is attached. */
    prometheus(): Promise<string>;
  }>;

/** Requests that wait for telemetry; the oldest goes first. */
const waitingMax = 1_000;

const logRequest = (
  log: Log,
  logWebhook: (record: RequestSettled) => void,
  record: RequestSettled,
): void => {
  if (record.webhook !== undefined) return logWebhook(record);
  if (!record.mutating || isUnrolled(record)) {
    const level = levelOf(record);
    if (log.enabled(level)) log.line(level, requestEvent, requestFields(record));
  }
  for (const mutation of mutationsOf(record)) {
    const level = levelOf(mutation);
    if (log.enabled(level)) log.line(level, mutationEvent, requestFields(mutation));
  }
};

const logDelivery = (log: Log, record: DeliveryAttempted): void => {
  const level = deliveryLevels[record.result];
  if (log.enabled(level)) log.line(level, deliveryEvent, deliveryFields(record));
};

/** What is logged of the smaller events; requests and notes have their own fields. */
const logEvents = (log: Log, metrics: Metrics) => ({
  breakerChanged: (record: Parameters<Observer['breakerChanged']>[0]) => {
    metrics.breakerChanged(record);
    const { target, state } = record;
    log.line(state === 'closed' ? 'info' : 'warn', 'target.breaker', { target, state });
  },
  configReloaded: (record: Parameters<Observer['configReloaded']>[0]) => {
    metrics.configReloaded(record);
    const { accepted, version, problems } = record;
    log.line(accepted ? 'info' : 'error', 'config.reloaded', { accepted, version, problems });
  },
  limitRejected: (record: Parameters<Observer['limitRejected']>[0]) =>
    metrics.limitRejected(record),
  sourceNoticed: (record: Parameters<Observer['sourceNoticed']>[0]) => {
    metrics.sourceNoticed(record);
    const { route, kind, count, lastAt } = record;
    const worse = kind === 'silent' || kind === 'missed';
    log.line(worse ? 'warn' : 'info', `webhook.${kind}`, {
      route,
      count: kind === 'silent' || kind === 'returned' ? undefined : count,
      last_at: new Date(lastAt).toISOString(),
    });
  },
  ledgerAppended: (record: Parameters<Observer['ledgerAppended']>[0]) =>
    metrics.ledgerAppended(record),
  lateSend: (record: Parameters<Observer['lateSend']>[0]) => {
    metrics.lateSend(record);
    log.line('error', 'ledger.late-send', {
      ledger_id: record.ledgerId,
      outcome: record.outcome,
    });
  },
  gatewaysSeen: (record: Parameters<Observer['gatewaysSeen']>[0]) => metrics.gatewaysSeen(record),
  freezesSeen: (record: Parameters<Observer['freezesSeen']>[0]) => metrics.freezesSeen(record),
  overridesSeen: (record: Parameters<Observer['overridesSeen']>[0]) =>
    metrics.overridesSeen(record),
  protectionSeen: (record: Parameters<Observer['protectionSeen']>[0]) =>
    metrics.protectionSeen(record),
  driftNoticed: (record: Parameters<Observer['driftNoticed']>[0]) => metrics.driftNoticed(record),
  driftCounted: (record: Parameters<Observer['driftCounted']>[0]) => metrics.driftCounted(record),
  credentialExpiry: (record: Parameters<Observer['credentialExpiry']>[0]) =>
    metrics.credentialExpiry(record),
});

/** Telling must never fail whoever tells. */
const quiet =
  <Told extends readonly unknown[]>(tell: (...told: Told) => void): ((...told: Told) => void) =>
  (...told) => {
    try {
      tell(...told);
    } catch {
      // Nothing can be told about telling.
    }
  };

/** Makes the observer. Spans are off until `attach`. */
export const makeObserver = (deps: Readonly<{ log: Log; clock: Clock }>): TelemetryObserver => {
  const { log, clock } = deps;
  const metrics = makeMetrics(clock);
  let telemetry: Telemetry | null = null;
  let waiting: ((attached: Telemetry) => void)[] = [];
  const wait = (tell: (attached: Telemetry) => void): void => {
    if (telemetry !== null) return tell(telemetry);
    waiting.push(tell);
    if (waiting.length <= waitingMax) return;
    waiting.shift();
    metrics.dropped('ring', 'queue_full', 1);
  };
  const events = logEvents(log, metrics);
  const logWebhook = makeWebhookLines(log);
  return {
    requestSettled: quiet((record) => {
      metrics.requestSettled(record);
      wait((attached) => attached.requestSettled(record));
      logRequest(log, logWebhook, record);
    }),
    deliveryAttempted: quiet((record) => {
      metrics.deliveryAttempted(record);
      wait((attached) => attached.deliveryAttempted(record));
      logDelivery(log, record);
    }),
    planChanged: quiet((record) => {
      metrics.planChanged(record);
      wait((attached) => attached.planChanged(record));
      const level = levelOf(record);
      if (log.enabled(level)) log.line(level, mutationEvent, planFields(record));
    }),
    changeMade: quiet((record) => {
      metrics.changeMade(record);
      const level = levelOf(record);
      if (log.enabled(level)) log.line(level, mutationEvent, changeFields(record));
    }),
    deliveriesCounted: quiet((record) => metrics.deliveriesCounted(record)),
    holdsCounted: quiet((record) => metrics.holdsCounted(record)),
    doubtSettled: quiet((record) => {
      const { ledgerId, traceId, target, outcome, settledBy } = record;
      telemetry?.doubtSettled(record, clock.now());
      log.line('info', doubtEvent, {
        trace_id: traceId,
        ledger_id: ledgerId,
        target,
        outcome,
        settled_by: settledBy,
      });
    }),
    limitRejected: quiet(events.limitRejected),
    sourceNoticed: quiet(events.sourceNoticed),
    ledgerAppended: quiet(events.ledgerAppended),
    lateSend: quiet(events.lateSend),
    gatewaysSeen: quiet(events.gatewaysSeen),
    freezesSeen: quiet(events.freezesSeen),
    overridesSeen: quiet(events.overridesSeen),
    protectionSeen: quiet(events.protectionSeen),
    breakerChanged: quiet(events.breakerChanged),
    configReloaded: quiet(events.configReloaded),
    driftNoticed: quiet(events.driftNoticed),
    driftCounted: quiet(events.driftCounted),
    credentialExpiry: quiet(events.credentialExpiry),
    note: quiet((level, event, fields) => {
      if (log.enabled(level)) log.line(level, event, noteFields(fields));
    }),
    attach: (attached) => {
      if (telemetry !== null) throw new TypeError('telemetry is attached already');
      telemetry = attached;
      attached.connect(metrics);
      const told = waiting;
      waiting = [];
      for (const tell of told) quiet(tell)(attached);
    },
    prometheus: () => {
      metrics.linesDropped(log.dropped());
      const resource = telemetry?.resource ?? { 'service.name': 'sallyport' };
      return Promise.resolve(printPrometheus(metrics.instruments, resource));
    },
  };
};
