/**
 * `rollback`: shows the plan, and then does exactly that. The run names the plan that was printed; where
 * it changed meanwhile nothing is sent. Exit 1 where not everything that was selected comes back.
 */
import type { Command } from 'commander';
import { isRefusal, type Refusal } from '../errors.ts';
import type { UndoPlan, UndoRun } from '../undo/make-undo.ts';
import { runSession, type Ask } from './admin-client.ts';
import {
  CommandEnd,
  operationNamed,
  reaching,
  reachOf,
  type Options,
  type Run,
} from './command-run.ts';
import { escaped } from './print.ts';
import { printPlan, printRun } from './print-rollback.ts';

type Input = Readonly<Record<string, unknown>>;

const inputOf = (ids: readonly string[], options: Options): Input => {
  const span = Object.fromEntries(
    ['client', 'since', 'until', 'actions'].flatMap((name) =>
      options[name] === undefined ? [] : [[name, options[name]]],
    ),
  );
  if (ids.length > 0 && Object.keys(span).length > 0) {
    throw new CommandEnd('name entries, or a client and since when; not both', 2);
  }
  if (ids.length === 0 && (span['client'] === undefined || span['since'] === undefined)) {
    throw new CommandEnd('name entries, or --client and --since', 2);
  }
  return ids.length > 0 ? { ids } : span;
};

const refused = (run: Run, { detail }: Refusal): void => {
  run.context.error(escaped(detail));
  run.code = 1;
};

const asked = async <Answer>(
  ask: Ask,
  run: Run,
  name: string,
  input: Input,
): Promise<Answer | null> => {
  const answer = await ask(operationNamed(name), input);
  if (isRefusal(answer) || !('json' in answer)) {
    if (isRefusal(answer)) refused(run, answer);
    return null;
  }
  return answer.json as Answer;
};

type Planned = UndoPlan & Readonly<{ selection: Input }>;

const rollBack = async (ask: Ask, run: Run, input: Input, options: Options): Promise<void> => {
  const { write } = run.context;
  const json = options['json'] === true;
  const dry = options['dryRun'] === true;
  const show = (value: unknown, text: string): Promise<void> =>
    write(json ? `${escaped(JSON.stringify(value, null, 2))}\n` : text);
  const plan = await asked<Planned>(ask, run, 'rollbacks.plan', input);
  if (plan === null) return;
  if (dry || !json) await show(plan, printPlan(plan));
  if (!plan.whole) run.code = 1;
  if (dry) return;
  const order = { ...plan.selection, digest: plan.digest };
  const done = await asked<UndoRun>(ask, run, 'rollbacks.run', order);
  if (done === null) return;
  if (!done.whole) run.code = 1;
  await show(done, printRun(done));
};

/** Adds `rollback` to the program. */
export const addRollback = (program: Command, run: Run): void => {
  const command = reaching(program.command('rollback [id...]'))
    .description('take back what entries of the ledger did: the plan first, then the run')
    .option('--client <name>', 'instead of ids: everything this client did')
    .option('--since <time>', 'with --client: a duration ago, or an RFC 3339 instant')
    .option('--until <time>', 'likewise (default: now)')
    .option('--actions <list>', 'with --client: any of these actions, comma-separated')
    .option('--dry-run', 'show the plan only');
  command.action(async (ids: readonly string[]) => {
    const options = command.opts();
    const input = inputOf(ids, options);
    await runSession(reachOf(run, options), (ask) => rollBack(ask, run, input, options));
  });
};
