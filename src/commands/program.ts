/**
 * The command line: every command, its words and options (interface.md §5). Exit 0 done, 1 refused or
 * found wanting, 2 wrong usage. Commands on state come from a table over the admin operations.
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { readFile, writeFile } from 'node:fs/promises';
import { isRefusal } from '../errors.ts';
import type { Verified } from '../ledger/verify.ts';
import { runOperation, type Answered } from './admin-client.ts';
import { checkAsJson, reportCheck } from './check.ts';
import type { CommandContext } from './command.ts';
import {
  CommandEnd,
  common,
  operationNamed,
  reaching,
  reachOf,
  text,
  usableSnapshot,
  type Options,
  type Run,
} from './command-run.ts';
import { discover } from './discover.ts';
import { addExplain } from './explain-command.ts';
import { initFiles } from './init.ts';
import { printVerified, verifyFile } from './ledger-verify.ts';
import { addPolicy } from './policy-commands.ts';
import { escaped, printAnswer } from './print.ts';
import { addRollback } from './rollback-command.ts';
import { load } from './route-file.ts';
import { stateCommands, type StateCommand } from './state-commands.ts';
import { addStore } from './store-commands.ts';

const answerState = (run: Run, entry: StateCommand, options: Options) => {
  return async (answer: Answered): Promise<void> => {
    if (isRefusal(answer)) {
      run.context.error(escaped(answer.detail));
      run.code = 1;
      return;
    }
    if (entry.verdict === true && 'json' in answer) {
      const answers = Array.isArray(answer.json) ? answer.json : [answer.json];
      if (!(answers as readonly Readonly<{ ok: boolean }>[]).every(({ ok }) => ok)) run.code = 1;
    }
    if (entry.text !== undefined && options['json'] !== true && 'json' in answer) {
      await run.context.write(`${escaped(entry.text(answer.json))}\n`);
      return;
    }
    await printAnswer(answer, {
      json: options['json'] === true,
      columns: entry.columns,
      write: run.context.write,
    });
  };
};

const groupOf = (program: Command, words: readonly string[]): Command => {
  let at = program;
  for (const word of words) {
    at = at.commands.find((command) => command.name() === word) ?? at.command(word);
  }
  return at;
};

const addState = (program: Command, run: Run): void => {
  for (const entry of stateCommands) {
    const words = entry.usage.split(' ');
    const plain = words.filter((word) => !/^[<[]/.test(word));
    const parent = groupOf(program, plain.slice(0, -1));
    const operation = operationNamed(entry.operation);
    const command = reaching(
      parent.command([plain.at(-1), ...words.slice(plain.length)].join(' ')),
    ).description(operation.title);
    for (const [flags, description] of entry.options) command.option(flags, description);
    command.action(async (...given: unknown[]) => {
      const args = given.slice(0, words.length - plain.length) as string[];
      const options = command.opts();
      const input = entry.input(args, options);
      await runOperation(reachOf(run, options), operation, input, answerState(run, entry, options));
    });
  }
};

const addVerify = (program: Command, run: Run): void => {
  const command = reaching(groupOf(program, ['ledger']).command('verify'))
    .description('prove that nothing was altered; --file works offline on an export')
    .option('--file <file>', 'an export in ndjson')
    .option('--since-checkpoint <file>', 'checkpoints held outside the gateway')
    .option('--public-key <file>', 'PEM of the checkpoint key, public part');
  command.action(async () => {
    const options = command.opts();
    const file = text(options['file']);
    const sincePath = text(options['sinceCheckpoint']);
    const show = async (verified: Verified): Promise<void> => {
      if (!verified.ok) run.code = 1;
      const shown =
        options['json'] === true ? JSON.stringify(verified, null, 2) : printVerified(verified);
      await run.context.write(`${escaped(shown)}\n`);
    };
    if (file !== null) {
      const publicKey = text(options['publicKey']);
      return show(await verifyFile({ file, sinceCheckpoint: sincePath, publicKey }, Date.now()));
    }
    const since = sincePath === null ? {} : { since: await readFile(sincePath, 'utf8') };
    return runOperation(
      reachOf(run, options),
      operationNamed('ledger.verify'),
      since,
      async (answer) => {
        if (!isRefusal(answer) && 'json' in answer) return show(answer.json as Verified);
        run.code = 1;
        if (isRefusal(answer)) run.context.error(escaped(answer.detail));
      },
    );
  });
};

const addCheck = (program: Command, run: Run): void => {
  const command = common(program.command('check'))
    .description('every problem of the route file and what it includes')
    .option('--resolve', 'resolve secret references too')
    .option('--effective', 'print the file with includes and defaults written out');
  command.action(async () => {
    const options = command.opts();
    const path = String(options['config']);
    const loaded = await load(path, run.context.env, options['resolve'] === true);
    const report = reportCheck(loaded);
    if (!report.ok) run.code = 1;
    if (options['json'] === true) return run.context.write(`${checkAsJson(loaded)}\n`);
    if (options['effective'] === true && loaded.effective !== null) {
      await run.context.write(`${JSON.stringify(loaded.effective, null, 2)}\n`);
    }
    return run.context.write(`${report.lines.join('\n')}\n`);
  });
};

const addRest = (program: Command, run: Run): void => {
  program
    .command('init [dir]')
    .description('write a commented route file and the keys of the store; overwrites nothing')
    .action(async (directory: string | undefined) => {
      for (const { path, written } of await initFiles(directory ?? 'config')) {
        await run.context.write(`${written ? 'wrote' : 'kept '} ${path}\n`);
      }
    });
  const serving = common(program.command('serve'))
    .description('run the gateway')
    .option('--strict', 'refuse to start on a bad file even where a last good one is kept');
  serving.action(async () => {
    // Serving brings the HTTP stack and telemetry; no other command should wait for them.
    const { serve } = await import('./serve.ts');
    const { config, strict } = serving.opts();
    run.code = await serve(run.context, { config: String(config), strict: strict === true });
  });
  const demo = program
    .command('demo')
    .description('start a sandbox target and the gateway, and play a provisioning session')
    .option('--once', 'end when the session is over; exit 0 if all went as expected');
  demo.action(async () => {
    const { playDemo } = await import('../demo/play.ts');
    run.code = await playDemo(run.context, { once: demo.opts()['once'] === true });
  });
};

const addDiscover = (program: Command, run: Run): void => {
  const command = common(program.command('discover <target>'))
    .description("read a target's schemas, as a file to review and to name in `schemas:`")
    .option('--write <file>', 'write it there instead of printing it');
  command.action(async (target: string) => {
    const options = command.opts();
    const found = await discover(
      await usableSnapshot(run, String(options['config']), { secrets: true, code: 1 }),
      target,
    );
    if ('failed' in found) {
      run.context.error(escaped(found.failed));
      run.code = 1;
      return;
    }
    const { leftOut, unnamed } = found;
    if (leftOut.length > 0) run.context.error(escaped(`left out: ${leftOut.join(', ')}`));
    if (unnamed.length > 0) {
      run.context.error(escaped(`name in resources: what to serve of ${unnamed.join(', ')}`));
    }
    const file = text(options['write']);
    if (file === null) return run.context.write(`${escaped(found.text.trimEnd())}\n`);
    await writeFile(file, found.text);
    return run.context.write(`wrote ${file}\n`);
  });
};

/** Builds the program; exported for the list of commands in the README. */
export const makeProgram = (run: Run): Command => {
  const program = new Command('sallyport')
    .description('a gateway for identity changes')
    .version(run.context.version)
    .exitOverride()
    .configureOutput({ writeErr: (line) => run.context.error(line.trimEnd()) });
  addRest(program, run);
  addExplain(program, run);
  addPolicy(program, run);
  addCheck(program, run);
  addDiscover(program, run);
  addState(program, run);
  addVerify(program, run);
  addRollback(program, run);
  addStore(groupOf(program, ['store']), run);
  return program;
};

/** Runs one command line (without the program's own name); resolves with the exit code. */
export const runProgram = async (
  context: CommandContext,
  argv: readonly string[],
): Promise<number> => {
  const run: Run = { context, code: 0 };
  const program = makeProgram(run);
  program.configureHelp({ showGlobalOptions: true });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return run.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof InvalidArgumentError) return 2;
    if (error instanceof CommandEnd) {
      context.error(escaped(error.message));
      return error.code;
    }
    throw error;
  }
};
