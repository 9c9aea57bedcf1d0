/** The commands on the store as a whole: how it is, bringing its schema up to date, moving it. */
import type { Command } from 'commander';
import { resolve } from 'node:path';
import { readStoreUrl } from '../config/store-url.ts';
import type { StoreAt } from '../snapshot.ts';
import { engineOf } from '../storage/engines.ts';
import { CommandEnd, common, text, usableStore, type Run } from './command-run.ts';
import { escaped } from './print.ts';
import { copyStore, printVerdict } from './store-copy.ts';
import { printStatus, storeStatus } from './store-status.ts';

const say = (run: Run, json: boolean, value: unknown, words: string): Promise<void> =>
  run.context.write(`${escaped(json ? JSON.stringify(value, null, 2) : words)}\n`);

const addStatus = (store: Command, run: Run): void => {
  const command = common(store.command('status')).description(
    'engine, migrations, size and chains of the store; changes nothing',
  );
  command.action(async () => {
    const { config, json } = command.opts();
    const { at } = await usableStore(run, String(config));
    const status = await storeStatus(at);
    if (status === null) run.code = 1;
    const words = status === null ? 'there is no store yet' : printStatus(status);
    return say(run, json === true, status, words);
  });
};

const addMigrate = (store: Command, run: Run): void => {
  const command = common(store.command('migrate')).description(
    'bring the schema of the store to the newest; `serve` does the same',
  );
  command.action(async () => {
    const { config, json } = command.opts();
    const { at } = await usableStore(run, String(config));
    const applied = await engineOf(at).migrate(at);
    const words = applied.map((name) => `applied ${name}`).join('\n');
    return say(run, json === true, applied, words === '' ? 'nothing is pending' : words);
  });
};

/** The SQLite store that `--from` names, relative to the working directory. */
const sourceOf = (given: unknown): StoreAt => {
  const read = readStoreUrl(text(given) ?? '');
  if ('value' in read && read.value.engine === 'sqlite')
    return { engine: 'sqlite', path: resolve(read.value.path) };
  throw new CommandEnd('--from: write sqlite: and the path of a file', 2);
};

const addCopy = (store: Command, run: Run): void => {
  const command = common(store.command('copy'))
    .description('move a SQLite store into the PostgreSQL store of the route file, and verify it')
    .option('--from <url>', 'sqlite: and the path of the store to copy; no gateway may run on it')
    .addHelpText(
      'after',
      `
The target must be empty, or hold the beginning of the same chain: then the copy goes on where it
stopped. Ledger, checkpoints, keys, freezes and the last good configuration are copied. Values kept as
clients sent them are not: a client may read a normalised value once. Entries whose bodies were pruned
are found by resource id and trace, no longer by name.`,
    );
  command.action(async () => {
    const { config, json, from } = command.opts();
    const at = sourceOf(from);
    const settings = await usableStore(run, String(config));
    let stopped = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      run.context.onSignal(signal, () => {
        stopped = true;
      });
    const verdict = await copyStore({
      from: at,
      store: settings,
      stopped: () => stopped,
      progress: (line) => run.context.error(escaped(line)),
    });
    if (verdict.kind === 'refused') run.code = 1;
    if (json === true || verdict.kind !== 'refused')
      return say(run, json === true, verdict, printVerdict(verdict));
    return run.context.error(escaped(printVerdict(verdict)));
  });
};

/** Adds them; `accept-loss` is an admin operation and comes from its table. */
export const addStore = (store: Command, run: Run): void => {
  addStatus(store, run);
  addMigrate(store, run);
  addCopy(store, run);
};
