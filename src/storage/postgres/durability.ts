/**
 * Whether what this server calls committed is on disk. Where it is not, nothing may be recorded here;
 * where it is on this disk only, a person is told.
 */
import { GatewayError } from '../../errors.ts';
import type { Run } from './connection.ts';

const sql = {
  settings: `SELECT current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('synchronous_standby_names') AS standbys,
    current_setting('server_version') AS version,
    pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS read_only`,
  // Backups and archivers stand in this view, too; what streams is a standby.
  standbys: `SELECT application_name AS name, sync_state AS state FROM pg_stat_replication
    WHERE state IS DISTINCT FROM 'backup' ORDER BY 1 LIMIT 100`,
  mayRead: `SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS yes`,
};

const needed = ['fsync', 'full_page_writes', 'synchronous_commit'] as const;

type Settings = Readonly<
  Record<(typeof needed)[number], string> & {
    standbys: string;
    version: string;
    read_only: boolean;
  }
>;

const readSettings = async (run: Run): Promise<Settings> =>
  (await run<Settings>({ text: sql.settings })).rows[0] as Settings;

/**
 * What a commit waits for on this server, as a session without settings of its own sees it. Throws
 * GatewayError where a crash of the server could lose what was acknowledged, or where it only reads.
 */
export const checkDurability = async (run: Run): Promise<Readonly<{ commit: string }>> => {
  const settings = await readSettings(run);
  if (settings.read_only) {
    throw new GatewayError('ledger_unavailable', {
      detail:
        'The PostgreSQL server only reads: it is a standby, or default_transaction_read_only is on. Name the primary in store.url.',
    });
  }
  const off = needed.filter((name) => settings[name] === 'off');
  if (off.length > 0) {
    const names = off.join(' and ');
    throw new GatewayError('ledger_unavailable', {
      detail: `The PostgreSQL server would lose acknowledged records in a crash: ${names} is off. Set it to on (in postgresql.conf, or for this role or database) and start again.`,
    });
  }
  return { commit: settings.synchronous_commit };
};

/** Version of the server. */
export const serverVersion = async (run: Run): Promise<string> => (await readSettings(run)).version;

/** Sentences on what a failover or a crash of this server would lose; empty = nothing is known to. */
export const durabilityWarnings = async (run: Run): Promise<readonly string[]> => {
  const settings = await readSettings(run);
  const warnings = needed
    .filter((name) => settings[name] === 'off')
    .map((name) => `${name} is off by now: a crash of the PostgreSQL server loses records.`);
  if (settings.synchronous_commit === 'local' && settings.standbys !== '') {
    warnings.push(
      'synchronous_commit is local: commits do not wait for the standbys of synchronous_standby_names, so a failover may lose acknowledged records.',
    );
  }
  const [may] = (await run<{ yes: boolean }>({ text: sql.mayRead })).rows;
  if (may?.yes !== true) {
    warnings.push(
      'Whether a standby lags cannot be seen: grant the role pg_monitor to the user of the store.',
    );
    return warnings;
  }
  const { rows } = await run<{ name: string; state: string | null }>({ text: sql.standbys });
  for (const { name, state } of rows) {
    if (state === 'async') {
      warnings.push(
        `The standby "${name}" is asynchronous: a failover to it may lose acknowledged records. Name it in synchronous_standby_names, or accept that with \`sallyport store accept-loss\` after a failover.`,
      );
    }
  }
  return warnings;
};
