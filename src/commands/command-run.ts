/**
 * What the commands of the program share: the run and its exit code, options that stand everywhere,
 * how a command ends early, and where an operation on state runs.
 */
import type { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { adminOperations } from '../admin/operations.ts';
import type { AdminOperation } from '../admin/operation.ts';
import type { Loaded } from '../config/load.ts';
import { printProblem } from '../config/problem.ts';
import type { Snapshot, StoreSettings } from '../snapshot.ts';
import { silentObserver } from '../telemetry/observe.ts';
import type { Reach } from './admin-client.ts';
import type { CommandContext } from './command.ts';
import { load } from './route-file.ts';

/** Options of one command line, as they were given. */
export type Options = Readonly<Record<string, unknown>>;

/** A run of the program; `code` is the exit code so far. */
export type Run = { readonly context: CommandContext; code: number };

/** Ends a command with a message for people and an exit code: 1 found wanting, 2 wrong usage. */
export class CommandEnd extends Error {
  readonly code: 1 | 2;
  constructor(message: string, code: 1 | 2) {
    super(message);
    this.code = code;
  }
}

/** An option that was given as text, or null. */
export const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** The entry of the table of admin operations; a TypeError for a name that is not in it. */
export const operationNamed = (name: string): AdminOperation => {
  const found = adminOperations.find((entry) => entry.name === name);
  if (found === undefined) throw new TypeError(`no admin operation ${name}`);
  return found;
};

/** Why there is no snapshot: its problems or, without secrets, the variables that are not set. */
const reasonsOf = ({ problems, warnings }: Pick<Loaded, 'problems' | 'warnings'>): string =>
  (problems.length > 0 ? problems : warnings).map(printProblem).join('\n');

/** The configuration, or its problems as a `CommandEnd` with `code`. */
export const usableSnapshot = async (
  run: Run,
  path: string,
  options: Readonly<{ secrets: boolean; code: 1 | 2 }>,
): Promise<Snapshot> => {
  const loaded = await load(path, run.context.env, options.secrets);
  if (loaded.snapshot !== null) return loaded.snapshot;
  throw new CommandEnd(reasonsOf(loaded), options.code);
};

/** The store of the route file with its secrets, whatever else is wrong in it. Exit 1 else. */
export const usableStore = async (run: Run, path: string): Promise<StoreSettings> => {
  const loaded = await load(path, run.context.env, true);
  if (loaded.store !== null) return loaded.store;
  throw new CommandEnd(reasonsOf(loaded), 1);
};

/** The text of a file that an option names; null where it names none. Exit 2 where it is not there. */
export const readGiven = async (option: string, path: unknown): Promise<string | null> => {
  if (typeof path !== 'string') return null;
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw new CommandEnd(`${option}: cannot read ${path}`, 2);
  }
};

/** Where an operation of this command line runs. */
export const reachOf = (run: Run, options: Options): Reach => ({
  admin: text(options['admin']),
  token: run.context.env['SALLYPORT_ADMIN_TOKEN'] ?? null,
  snapshot: () => usableSnapshot(run, String(options['config']), { secrets: true, code: 1 }),
  observer: silentObserver,
});

/** The options of every command that reads the route file. */
export const common = (command: Command): Command =>
  command
    .option('--config <file>', 'the route file', 'config/gateway.yaml')
    .option('--json', 'print JSON');

/** The options of every command on state. */
export const reaching = (command: Command): Command =>
  common(command).option('--admin <url>', 'admin listener of a running gateway');
