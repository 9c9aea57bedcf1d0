/** What `/readyz` answers: which parts decide whether calls should come here, and what the others say. */
import type { Check } from './admin/listener.ts';
import type { ConfigStatus } from './admin/operation.ts';
import type { Clock, ClockWatch } from './clock.ts';
import { servedVersions } from './ledger/lease.ts';
import type { OwnedLedger } from './ledger/make-ledger.ts';
import type { HoldCounts } from './holds/hold-rounds.ts';
import type { SafetyState } from './safety/make-safety.ts';
import type { LiveTargets } from './targets/make-targets.ts';
import type { FreezesStanding } from './targets/standing.ts';

/** The parts that are asked. */
export type ReadinessParts = Readonly<{
  clock: Pick<Clock, 'now'>;
  ledger: Pick<OwnedLedger, 'writable' | 'loss' | 'gateways'>;
  watch: ClockWatch;
  freezes: Pick<FreezesStanding, 'current'>;
  /** Rules of protection and overrides in force; absent where nobody looks. */
  safety?: SafetyState;
  /** How many changes wait for people, by client. */
  holds?: HoldCounts;
  /** Version of the snapshot in force. */
  version: string;
  config: ConfigStatus;
  breakers: ReturnType<LiveTargets['state']>;
  /** Who counts rates, where they are shared. */
  limits: 'shared' | 'local' | null;
  stopping: boolean;
}>;

/** A check that makes the gateway unready. */
const decisive = (name: string, ok: boolean, good: string, bad: string): Check => ({
  name,
  ok,
  detail: ok ? good : bad,
  decides: true,
});

/** Gateways that share the store, and whether they serve the same configuration. */
const gatewaysCheck = ({ ledger, clock }: ReadinessParts): readonly Check[] => {
  const gateways = ledger.gateways();
  if (gateways.length === 0) return [];
  const now = clock.now();
  const detail = gateways
    .map(({ name, version, startedAt }) => {
      const minutes = Math.max(0, Math.floor((now - startedAt) / 60_000));
      return `${name} serves ${version === '' ? 'nothing (a command)' : version}, up ${minutes} min`;
    })
    .join('\n');
  return [{ name: 'gateways', ok: servedVersions(gateways).size < 2, detail, decides: false }];
};

const limitsCheck = ({ limits }: ReadinessParts): readonly Check[] =>
  limits === null
    ? []
    : [
        {
          name: 'limits',
          ok: limits === 'shared',
          detail: limits === 'shared' ? 'counted together' : 'each gateway keeps to its share',
          decides: false,
        },
      ];

const configCheck = ({ config, version }: ReadinessParts): Check => {
  const text = config.lastGood
    ? 'the last good configuration serves'
    : config.problems.length > 0
      ? `the file has ${config.problems.length} problems; ${version} serves`
      : config.waiting === null
        ? version
        : `${config.waiting.version} waits: it widens ${config.waiting.widens.length} things`;
  return {
    name: 'config',
    ok: config.problems.length === 0 && !config.lastGood,
    detail: [text, ...config.problems].join('\n'),
    decides: false,
  };
};

/** What is frozen and since when; reasons may name people. */
const freezesCheck = ({ freezes }: ReadinessParts): Check => {
  const frozen = freezes.current();
  return {
    name: 'freezes',
    ok: frozen.length === 0,
    detail: frozen
      .map(({ scope, name, at }) => `${scope} ${name} since ${new Date(at).toISOString()}`)
      .join('\n'),
    decides: false,
  };
};

/** What waits for people, and since when. */
const holdsCheck = ({ holds }: ReadinessParts): readonly Check[] =>
  holds === undefined
    ? []
    : [
        {
          name: 'holds',
          ok: holds.length === 0,
          detail: holds
            .map(({ client, pending, oldestAt }) => {
              const since = new Date(oldestAt).toISOString();
              return `${pending} of ${client} wait for people, the oldest since ${since}: see \`holds batches\``;
            })
            .join('\n'),
          decides: false,
        },
      ];

/** Rules whose subjects are not known or could not be looked through again, and open glass. */
const safetyChecks = ({ safety }: ReadinessParts): readonly Check[] => {
  if (safety === undefined || safety.rules.length === 0) return [];
  const wrong = safety.rules.filter(({ resolved, failed }) => !resolved || failed !== null);
  const { overrides } = safety;
  return [
    {
      name: 'protection',
      ok: wrong.length === 0,
      detail:
        wrong.length === 0
          ? `${safety.rules.length} rules, all looked through`
          : wrong
              .map(({ tenant, rule, resolved, failed }) => {
                const known = resolved ? 'keeps its marks' : 'nobody knows yet whom it protects';
                return `${tenant} ${rule}: ${known}${failed === null ? '' : `; ${failed}`}`;
              })
              .join('\n'),
      decides: false,
    },
    {
      name: 'overrides',
      ok: overrides.length === 0,
      detail: overrides
        .map(({ id, tenant, rule, until }) => {
          return `${id}: ${tenant} ${rule} until ${new Date(until).toISOString()}`;
        })
        .join('\n'),
      decides: false,
    },
  ];
};

/** Every check, those that decide first. */
export const checksOf = (parts: ReadinessParts): readonly Check[] => {
  const { ledger, watch, breakers, stopping } = parts;
  const loss = ledger.loss();
  const closed =
    loss === null ? 'it takes no records: see the log' : `${loss}: see \`store accept-loss\``;
  return [
    decisive('store', ledger.writable(), 'writable', closed),
    decisive('serving', !stopping, 'yes', 'draining'),
    decisive('clock', watch.trusted(), 'trusted', 'it jumped: see `clock trust`'),
    ...gatewaysCheck(parts),
    ...limitsCheck(parts),
    configCheck(parts),
    freezesCheck(parts),
    ...safetyChecks(parts),
    ...holdsCheck(parts),
    ...breakers.map(({ target, breaker }) => ({
      name: `target ${target}`,
      ok: breaker === 'closed',
      detail: `breaker ${breaker}`,
      decides: false,
    })),
  ];
};
