/**
 * The tools that administrators back PostgreSQL up with: from the path, or where Debian keeps them.
 * Without them a stranger's run skips with a reason; with CI=true that is a failure.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { PostgresAt } from './postgres.ts';

/** Runs one tool against a server to its end; rejects with what it said where it fails. */
export type PgTools = Readonly<{
  run(tool: 'pg_dump' | 'pg_restore', at: PostgresAt, args: readonly string[]): Promise<void>;
}>;

const debianFolders = async (): Promise<readonly string[]> => {
  const home = '/usr/lib/postgresql';
  const versions = await readdir(home).catch(() => []);
  const newestFirst = versions.toSorted((one, other) => Number(other) - Number(one));
  return newestFirst.map((version) => join(home, version, 'bin'));
};

const folderOf = async (tool: string): Promise<string | null> => {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  for (const folder of [...(await debianFolders()), ...path]) {
    const there = await access(join(folder, tool)).then(
      () => true,
      () => false,
    );
    if (there) return folder;
  }
  return null;
};

/** The tools, or why there are none; rejects instead where CI says that there must be some. */
export const pgTools = async (): Promise<PgTools | Readonly<{ missing: string }>> => {
  const folder = await folderOf('pg_dump');
  if (folder === null) {
    const missing = 'pg_dump is not installed: the client tools of PostgreSQL bring it';
    if (process.env['CI'] === 'true') throw new Error(missing);
    return { missing };
  }
  return {
    run: async (tool, { host, port, user, password, database }, args) => {
      const target = ['--host', host, '--port', String(port), '--username', user];
      const child = spawn(
        join(folder, tool),
        [...target, '--dbname', database, '--no-password', ...args],
        {
          env: { PATH: process.env['PATH'] ?? '', PGPASSWORD: password ?? '' },
          stdio: ['ignore', 'ignore', 'pipe'],
          timeout: 60_000,
        },
      );
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      const [code] = (await once(child, 'close')) as [number | null];
      if (code !== 0) throw new Error(`${tool} ended with ${code}: ${said}`);
    },
  };
};
