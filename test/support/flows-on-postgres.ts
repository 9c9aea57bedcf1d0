/**
 * The flows once more, on PostgreSQL: the last part of `npm test`. Where no server answers it says
 * what it skipped and why, and ends well; with CI=true that is a failure.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { postgresForTests } from './postgres.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = ['test/flows/*.test.ts'];

const server = await postgresForTests();
if ('missing' in server) {
  process.stdout.write(`skipped the flows on PostgreSQL: ${server.missing}\n`);
} else {
  process.stdout.write('the flows once more, on PostgreSQL\n');
  const options = [
    '--test',
    '--test-concurrency=2',
    '--test-timeout=240000',
    '--test-reporter=spec',
  ];
  const child = spawn(process.execPath, [...options, ...files], {
    cwd: root,
    env: { ...process.env, SALLYPORT_TEST_STORE: 'postgres' },
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'close')) as [number | null];
  process.exitCode = code ?? 1;
}
