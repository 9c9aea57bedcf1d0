#!/usr/bin/env node
/**
 * The process edge: argv, environment, standard streams, signals and the exit code. The only file
 * that touches `process` for them. The compile cache is on before anything else is loaded.
 */
import { enableCompileCache } from 'node:module';

enableCompileCache();

const { readFile } = await import('node:fs/promises');
const { GatewayError } = await import('./errors.ts');
const { runProgram } = await import('./commands/program.ts');

const packageFile = new URL('../package.json', import.meta.url);
const { version } = JSON.parse(await readFile(packageFile, 'utf8')) as { version: string };

const write = (text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });

// A reader that went away (`sallyport ledger list | head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
});

try {
  const code = await runProgram(
    {
      env: process.env,
      version,
      write,
      error: (line) => process.stderr.write(`${line}\n`),
      onSignal: (signal, run) => process.on(signal, run),
    },
    process.argv.slice(2),
  );
  // All that was to be written is written. A drain that a second signal cut short would go on else.
  process.exit(code);
} catch (error) {
  const known = error instanceof GatewayError;
  process.stderr.write(
    known ? `${error.code}: ${error.refusal.detail}\n` : `internal: ${String(error)}\n`,
  );
  process.exit(1);
}
