/**
 * What is recorded on the instruments (instrument-table.ts). Attributes are of low cardinality:
 * names out of the route file, templates, statuses and error types; never an id, never a value.
 */
import type { Clock } from '../clock.ts';
import { knownMethod, serverErrorType } from './attributes.ts';
import {
  cellOf,
  distributionOf,
  record,
  type Cell,
  type Distribution,
  type Instrument,
  type MetricAttributes,
} from './instruments.ts';
import { makeInstruments, type Instruments } from './instrument-table.ts';
import type { AttemptReport, Observer, RequestSettled } from './observe.ts';
import { isUnrolled, mutationsOf } from './parts.ts';
import { makeWebhookMetrics } from './webhook-metrics.ts';

const breakerNumbers = Object.freeze({ closed: 0, 'half-open': 1, open: 2 });

/** The series one kind of request records on; looked up once per request. */
type Bound = Readonly<{
  server: Distribution;
  gateway: Distribution;
  decision: Cell | null;
  mutation: Cell | null;
}>;

/** Kinds of request remembered; beyond it the memory starts anew (the series stay). */
const boundMax = 4_000;

const filled = (
  attributes: Readonly<Record<string, string | number | null | undefined>>,
): MetricAttributes => {
  const some: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) some[name] = value;
  }
  return some;
};

/** As much of a request, or of a step of a plan, as is counted. */
type Counted = Pick<
  RequestSettled,
  'route' | 'target' | 'operation' | 'decision' | 'code' | 'mutation'
>;

/** A series is its attributes: equal ones share it, whoever asks. Only on the cold path. */
const keyOf = (attributes: MetricAttributes): string => JSON.stringify(attributes);

const placeOf = ({ route, target, operation }: Counted) => ({
  'sallyport.route': route,
  'sallyport.target': target,
  'sallyport.operation': operation,
});

/** What is counted of a decision and of a mutation. */
const countersOf = (
  instruments: Instruments,
  settled: Counted,
): Pick<Bound, 'decision' | 'mutation'> => {
  const { decision, code, mutation } = settled;
  const at = placeOf(settled);
  const decided = filled({
    ...at,
    'sallyport.decision': decision,
    'error.type': decision === 'allow' ? null : code,
  });
  const mutated = filled({ ...at, 'sallyport.outcome': mutation?.outcome });
  return {
    decision:
      decision === null ? null : cellOf(instruments.decisions, keyOf(decided), () => decided),
    mutation:
      mutation === null ? null : cellOf(instruments.mutations, keyOf(mutated), () => mutated),
  };
};

const count = ({ decision, mutation }: Pick<Bound, 'decision' | 'mutation'>): void => {
  if (decision !== null) decision.value += 1;
  if (mutation !== null) mutation.value += 1;
};

const bind = (instruments: Instruments, settled: RequestSettled): Bound => {
  const { status } = settled;
  const server = filled({
    'http.request.method': knownMethod(settled.method),
    'url.scheme': settled.scheme,
    'http.route': settled.httpRoute,
    'http.response.status_code': status,
    'error.type': serverErrorType(settled),
  });
  const gateway = filled(placeOf(settled));
  return {
    server: distributionOf(instruments.serverDuration, keyOf(server), () => server),
    gateway: distributionOf(instruments.gatewayDuration, keyOf(gateway), () => gateway),
    ...countersOf(instruments, settled),
  };
};

type MadeCalls = readonly Readonly<{
  call: Readonly<{ method: string; template: string }>;
  report: AttemptReport;
}>[];

const recordAttempts = (
  { clientDuration }: Instruments,
  target: string | null,
  attempts: MadeCalls,
): void => {
  for (const { call, report } of attempts) {
    const key = `${target}\n${call.method}\n${call.template}\n${report.status}\n${report.errorType}\n${report.serverPort}\n${report.serverAddress}`;
    const series = distributionOf(clientDuration, key, () =>
      filled({
        'http.request.method': call.method,
        'url.template': call.template,
        'server.address': report.serverAddress,
        'server.port': report.serverPort,
        'http.response.status_code': report.status,
        'error.type': report.errorType,
        'sallyport.target': target,
      }),
    );
    record(clientDuration, series, Math.max(0, report.endedAt - report.startedAt) / 1_000);
  }
};

/** Signals whose losses are counted. */
export type LostSignal = 'spans' | 'log-records' | 'log-lines' | 'ring';

/** Records metrics; everything here is synchronous and allocates next to nothing. */
export type Metrics = Readonly<{
  /** When recording began, wall ms. */
  startedAt: number;
  /** Wall ms now, for the points' times. */
  now(): number;
  /** For exporters. */
  instruments: readonly (Instrument<Cell> | Instrument<Distribution>)[];
  requestSettled(settled: RequestSettled): void;
  dropped(signal: LostSignal, errorType: string, count: number): void;
  /** Sets the number of lost log lines, which the log counts itself. */
  linesDropped(total: number): void;
}> &
  Pick<
    Observer,
    | 'deliveryAttempted'
    | 'planChanged'
    | 'changeMade'
    | 'deliveriesCounted'
    | 'holdsCounted'
    | 'limitRejected'
    | 'sourceNoticed'
    | 'ledgerAppended'
    | 'lateSend'
    | 'gatewaysSeen'
    | 'freezesSeen'
    | 'overridesSeen'
    | 'protectionSeen'
    | 'breakerChanged'
    | 'configReloaded'
    | 'driftNoticed'
    | 'driftCounted'
    | 'credentialExpiry'
  >;

const makeRequestRecorder = (instruments: Instruments): ((settled: RequestSettled) => void) => {
  const bounds = new Map<string, Bound>();
  return (settled) => {
    const key = `${settled.method}\n${settled.httpRoute}\n${settled.status}\n${settled.code}\n${settled.decision}\n${settled.operation}\n${settled.mutation?.outcome}\n${settled.scheme}\n${settled.route}\n${settled.target}\n${settled.abandoned}`;
    let bound = bounds.get(key);
    if (bound === undefined) {
      if (bounds.size >= boundMax) bounds.clear();
      bound = bind(instruments, settled);
      bounds.set(key, bound);
    }
    const ms = Math.max(0, settled.endedAt - settled.startedAt);
    record(instruments.serverDuration, bound.server, ms / 1_000);
    record(instruments.gatewayDuration, bound.gateway, Math.max(0, ms - settled.targetMs) / 1_000);
    count(bound);
    if (isUnrolled(settled)) {
      for (const part of mutationsOf(settled)) count(countersOf(instruments, part));
    }
    recordAttempts(instruments, settled.target, settled.attempts);
  };
};

const zero = ({ series }: Instrument<Cell>): void => {
  for (const cell of series.values()) cell.value = 0;
};

/** Records tries and counts of deliveries; `age` brings the ages up to now. */
const makeDeliveryRecorder = (instruments: Instruments, clock: Clock) => {
  let oldest: ReadonlyMap<string, number | null> = new Map();
  const gauge = (instrument: Instrument<Cell>, lane: string): Cell =>
    cellOf(instrument, lane, () => ({ 'sallyport.lane': lane }));
  const attempted: Observer['deliveryAttempted'] = (tried) => {
    const { lane, result } = tried;
    cellOf(instruments.deliveryAttempts, `${lane}\n${result}`, () => ({
      'sallyport.lane': lane,
      'sallyport.delivery.result': result,
    })).value += 1;
    for (const made of tried.calls) recordAttempts(instruments, made.target, [made]);
    if (tried.attempt !== 1 || result === 'postponed') return;
    const series = distributionOf(instruments.deliveryDelay, lane, () => ({
      'sallyport.lane': lane,
    }));
    const ms = Math.max(0, tried.startedAt - tried.eventAt);
    record(instruments.deliveryDelay, series, ms / 1_000);
  };
  const counted: Observer['deliveriesCounted'] = (lanes) => {
    zero(instruments.deliveriesPending);
    zero(instruments.deliveriesDead);
    zero(instruments.deliveriesAge);
    for (const { lane, pending, dead } of lanes) {
      gauge(instruments.deliveriesPending, lane).value = pending;
      gauge(instruments.deliveriesDead, lane).value = dead;
    }
    oldest = new Map(lanes.map(({ lane, oldestAt }) => [lane, oldestAt]));
  };
  const age = (): void => {
    for (const [lane, at] of oldest) {
      const ms = at === null ? 0 : Math.max(0, clock.now() - at);
      gauge(instruments.deliveriesAge, lane).value = ms / 1_000;
    }
  };
  return { attempted, counted, age };
};

/** Makes the instruments and their recorder. */
export const makeMetrics = (clock: Clock): Metrics => {
  const instruments = makeInstruments();
  const webhooks = makeWebhookMetrics();
  const all = [...Object.values(instruments), ...webhooks.instruments];
  const deliveries = makeDeliveryRecorder(instruments, clock);
  const requestSettled = makeRequestRecorder(instruments);
  const lost = (signal: LostSignal, errorType: string): Cell =>
    cellOf(instruments.dropped, `${signal}\n${errorType}`, () => ({
      'sallyport.signal': signal,
      'error.type': errorType,
    }));
  return {
    startedAt: clock.now(),
    now: () => clock.now(),
    get instruments() {
      // Ages grow while nothing happens.
      deliveries.age();
      return all;
    },
    deliveryAttempted: deliveries.attempted,
    planChanged: (changed) => count(countersOf(instruments, changed)),
    changeMade: (made) => {
      count(countersOf(instruments, made));
      recordAttempts(instruments, made.target, made.attempts);
    },
    deliveriesCounted: deliveries.counted,
    holdsCounted: (clients) => {
      zero(instruments.holdsPending);
      for (const { client, pending } of clients) {
        cellOf(instruments.holdsPending, client, () => ({ 'sallyport.client': client })).value =
          pending;
      }
    },
    requestSettled: (settled) => {
      requestSettled(settled);
      webhooks.settled(settled);
    },
    sourceNoticed: webhooks.noticed,
    dropped: (signal, errorType, count) => {
      lost(signal, errorType).value += count;
    },
    linesDropped: (total) => {
      if (total > 0) lost('log-lines', 'queue_full').value = total;
    },
    limitRejected: ({ policy, route }) => {
      cellOf(instruments.limitRejections, `${policy}\n${route}`, () => ({
        'sallyport.policy': policy,
        'sallyport.route': route,
      })).value += 1;
    },
    ledgerAppended: ({ seconds, failed }) => {
      const series = distributionOf(instruments.appendDuration, String(failed), () =>
        failed ? { 'error.type': 'ledger_unavailable' } : {},
      );
      record(instruments.appendDuration, series, seconds);
    },
    lateSend: ({ outcome }) => {
      cellOf(instruments.lateSends, outcome, () => ({ 'sallyport.outcome': outcome })).value += 1;
    },
    gatewaysSeen: ({ live, versions }) => {
      cellOf(instruments.gateways, '', () => ({})).value = live;
      cellOf(instruments.configVersions, '', () => ({})).value = versions;
    },
    freezesSeen: (counts) => {
      for (const [scope, count] of Object.entries(counts)) {
        cellOf(instruments.freezes, scope, () => ({ 'sallyport.scope': scope })).value = count;
      }
    },
    overridesSeen: ({ inForce }) => {
      cellOf(instruments.overrides, '', () => ({})).value = inForce;
    },
    protectionSeen: ({ unresolved, marks }) => {
      cellOf(instruments.unresolved, '', () => ({})).value = unresolved;
      cellOf(instruments.marks, '', () => ({})).value = marks;
    },
    breakerChanged: ({ target, state }) => {
      cellOf(instruments.breakerState, target, () => ({ 'sallyport.target': target })).value =
        breakerNumbers[state];
    },
    configReloaded: ({ accepted }) => {
      const outcome = accepted ? 'accepted' : 'refused';
      cellOf(instruments.configReloads, outcome, () => ({
        'sallyport.outcome': outcome,
      })).value += 1;
    },
    driftNoticed: ({ target, kind }) => {
      cellOf(instruments.driftNoticed, `${target}\n${kind}`, () => ({
        'sallyport.target': target,
        'sallyport.drift.result': kind,
      })).value += 1;
    },
    driftCounted: (counted) => {
      for (const state of ['watching', 'drifted'] as const) {
        cellOf(instruments.drift, state, () => ({ 'sallyport.drift.state': state })).value =
          counted[state];
      }
    },
    credentialExpiry: ({ holder, kind, expiresAt }) => {
      cellOf(instruments.credentialExpiry, `${kind}\n${holder}`, () => ({
        'sallyport.credential.holder': holder,
        'sallyport.credential.kind': kind,
      })).value = expiresAt / 1_000;
    },
  };
};
