/** What `/readyz` answers: which parts decide whether calls should come here, and what the others say. */
import type { Check } from './admin/listener.ts';
import type { ConfigStatus } from './admin/operation.ts';
import type { Clock, ClockWatch } from './clock.ts';
import { servedVersions } from './ledger/lease.ts';
import type { OwnedLedger } from './ledger/make-ledger.ts';
import type { LiveTargets } from './targets/make-targets.ts';
import type { FreezesStanding } from './targets/standing.ts';

/** The parts that are asked. */
export type ReadinessParts = Readonly<{
  clock: Pick<Clock, 'now'>;
  ledger: Pick<OwnedLedger, 'writable' | 'loss' | 'gateways'>;
  watch: ClockWatch;
  freezes: Pick<FreezesStanding, 'current'>;
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

/** Every check, those that decide first. */
export const checksOf = (parts: ReadinessParts): readonly Check[] => {
  const { ledger, watch, freezes, breakers, stopping } = parts;
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
    {
      name: 'freezes',
      ok: freezes.current().length === 0,
      detail: freezes
        .current()
        .map(({ scope, name }) => `${scope} ${name}`)
        .join(', '),
      decides: false,
    },
    ...breakers.map(({ target, breaker }) => ({
      name: `target ${target}`,
      ok: breaker === 'closed',
      detail: `breaker ${breaker}`,
      decides: false,
    })),
  ];
};
