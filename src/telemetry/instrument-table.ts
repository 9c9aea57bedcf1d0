/** The instruments of interface.md §7: name, kind, unit, meaning. */
import type { Cell, Distribution, Instrument, InstrumentRow } from './instruments.ts';

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

/** From receipt to the first try: seconds when all is well, hours after an outage. */
const delaySeconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600, 21_600];

/** All instruments, empty. */
export const makeInstruments = () => ({
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
  deliveryAttempts: cells(
    row(
      'sallyport.deliveries.attempts',
      'counter',
      '{attempt}',
      'Tries of deliveries, by lane and what came of them.',
    ),
  ),
  deliveryDelay: distributions(
    row(
      'sallyport.deliveries.delay',
      'histogram',
      's',
      'Time from the receipt of an event to the first try of a delivery.',
      delaySeconds,
    ),
  ),
  deliveriesPending: cells(
    row('sallyport.deliveries.pending', 'gauge', '{delivery}', 'Deliveries that wait, by lane.'),
  ),
  deliveriesAge: cells(
    row(
      'sallyport.deliveries.age',
      'gauge',
      's',
      'Age of the oldest event of which a delivery waits, by lane.',
    ),
  ),
  deliveriesDead: cells(
    row('sallyport.deliveries.dead', 'gauge', '{delivery}', 'Dead letters, by lane.'),
  ),
  holdsPending: cells(
    row('sallyport.holds.pending', 'gauge', '{hold}', 'Changes that wait for people, by client.'),
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
  freezes: cells(row('sallyport.freezes', 'gauge', '{freeze}', 'Freezes in force, by scope.')),
  overrides: cells(
    row(
      'sallyport.protection.overrides',
      'gauge',
      '{override}',
      'Break-glass overrides of protection in force.',
    ),
  ),
  unresolved: cells(
    row(
      'sallyport.protection.unresolved',
      'gauge',
      '{rule}',
      'Rules of protection whose subjects nobody knows yet, or whose last look-through failed.',
    ),
  ),
  marks: cells(
    row('sallyport.protection.marks', 'gauge', '{mark}', 'Marks by which subjects are protected.'),
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
  drift: cells(
    row(
      'sallyport.drift',
      'gauge',
      '{resource}',
      'Resources that are looked at again, and those that differ from what the ledger says.',
    ),
  ),
  driftNoticed: cells(
    row(
      'sallyport.drift.noticed',
      'counter',
      '{resource}',
      'Resources found to differ from what the ledger says, and those that hold it again.',
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
