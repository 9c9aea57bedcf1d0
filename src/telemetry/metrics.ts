/**
 * The instruments of interface.md §7 and what is recorded on them. Attributes are of low cardinality:
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
  type InstrumentRow,
  type MetricAttributes,
} from './instruments.ts';
import type { Observer, RequestSettled } from './observe.ts';
import { isUnrolled, mutationsOf } from './parts.ts';
import { makeWebhookMetrics } from './webhook-metrics.ts';

/** HTTP semantic conventions 1.44: boundaries of the duration histograms, seconds. */
const httpSeconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** For what takes a millisecond or less when all is well. */
const ownSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

const row = (
  name: string,
  kind: InstrumentRow['kind'],
  unit: string,
  description: string,
  boundaries: readonly number[] = [],
): InstrumentRow => Object.freeze({ name, kind, unit, description, boundaries });

const cells = (instrument: InstrumentRow): Instrument<Cell> => ({
  ...instrument,
  series: new Map<string, Cell>(),
});
const distributions = (instrument: InstrumentRow): Instrument<Distribution> => ({
  ...instrument,
  series: new Map<string, Distribution>(),
});

const makeInstruments = () => ({
  serverDuration: distributions(
    row(
      'http.server.request.duration',
      'histogram',
      's',
      'Duration of HTTP server requests.',
      httpSeconds,
    ),
  ),
  clientDuration: distributions(
    row(
      'http.client.request.duration',
      'histogram',
      's',
      'Duration of HTTP client requests, one per attempt.',
      httpSeconds,
    ),
  ),
  gatewayDuration: distributions(
    row(
      'sallyport.gateway.duration',
      'histogram',
      's',
      'Time of a request that was not spent waiting for the target.',
      ownSeconds,
    ),
  ),
  appendDuration: distributions(
    row(
      'sallyport.ledger.append.duration',
      'histogram',
      's',
      'Time until a batch of ledger records was durable.',
      ownSeconds,
    ),
  ),
  mutations: cells(
    row(
      'sallyport.mutations',
      'counter',
      '{mutation}',
      'Mutations that reached the ledger, by the outcome known when they were answered.',
    ),
  ),
  decisions: cells(
    row('sallyport.decisions', 'counter', '{decision}', 'Decisions of policy and guards.'),
  ),
  limitRejections: cells(
    row('sallyport.limit.rejections', 'counter', '{request}', 'Requests refused by a rate limit.'),
  ),
  configReloads: cells(
    row('sallyport.config.reloads', 'counter', '{reload}', 'Reloads of the route file.'),
  ),
  dropped: cells(
    row(
      'sallyport.telemetry.dropped',
      'counter',
      '{item}',
      'Spans, log records and log lines that were lost on their way out.',
    ),
  ),
  breakerState: cells(
    row(
      'sallyport.breaker.state',
      'gauge',
      '1',
      'State of the circuit breaker: 0 closed, 1 half-open, 2 open.',
    ),
  ),
  gateways: cells(
    row('sallyport.gateways', 'gauge', '{gateway}', 'Gateways that share the store now.'),
  ),
  configVersions: cells(
    row(
      'sallyport.config.versions',
      'gauge',
      '{version}',
      'Versions of the configuration that gateways serve now; more than 1 is a split.',
    ),
  ),
  lateSends: cells(
    row(
      'sallyport.ledger.late_sends',
      'counter',
      '{mutation}',
      'Mutations that ended after another gateway had taken over their entries.',
    ),
  ),
  credentialExpiry: cells(
    row(
      'sallyport.credential.expiry',
      'gauge',
      's',
      'When a credential expires, seconds since the epoch.',
    ),
  ),
});

export type Instruments = ReturnType<typeof makeInstruments>;

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

/** A series is its attributes: equal ones share it, whoever asks. Only on the cold path. */
const keyOf = (attributes: MetricAttributes): string => JSON.stringify(attributes);

const placeOf = ({ route, target, operation }: RequestSettled) => ({
  'sallyport.route': route,
  'sallyport.target': target,
  'sallyport.operation': operation,
});

/** What is counted of a decision and of a mutation. */
const countersOf = (
  instruments: Instruments,
  settled: RequestSettled,
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

const recordAttempts = ({ clientDuration }: Instruments, settled: RequestSettled): void => {
  for (const { call, report } of settled.attempts) {
    const key = `${settled.target}\n${call.method}\n${call.template}\n${report.status}\n${report.errorType}\n${report.serverPort}\n${report.serverAddress}`;
    const series = distributionOf(clientDuration, key, () =>
      filled({
        'http.request.method': call.method,
        'url.template': call.template,
        'server.address': report.serverAddress,
        'server.port': report.serverPort,
        'http.response.status_code': report.status,
        'error.type': report.errorType,
        'sallyport.target': settled.target,
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
    | 'limitRejected'
    | 'sourceNoticed'
    | 'ledgerAppended'
    | 'lateSend'
    | 'gatewaysSeen'
    | 'breakerChanged'
    | 'configReloaded'
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
    recordAttempts(instruments, settled);
  };
};

/** Makes the instruments and their recorder. */
export const makeMetrics = (clock: Clock): Metrics => {
  const instruments = makeInstruments();
  const webhooks = makeWebhookMetrics();
  const requestSettled = makeRequestRecorder(instruments);
  const lost = (signal: LostSignal, errorType: string): Cell =>
    cellOf(instruments.dropped, `${signal}\n${errorType}`, () => ({
      'sallyport.signal': signal,
      'error.type': errorType,
    }));
  return {
    startedAt: clock.now(),
    now: () => clock.now(),
    instruments: [...Object.values(instruments), ...webhooks.instruments],
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
    credentialExpiry: ({ holder, kind, expiresAt }) => {
      cellOf(instruments.credentialExpiry, `${kind}\n${holder}`, () => ({
        'sallyport.credential.holder': holder,
        'sallyport.credential.kind': kind,
      })).value = expiresAt / 1_000;
    },
  };
};
