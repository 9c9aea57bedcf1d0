/**
 * A really full disk: the gateway runs on a small file system of its own, which a ballast file fills
 * to the last byte and then leaves. Needs the right to mount one in a namespace of its own; where
 * that is missing the reason is printed, and the injected faults stand alone.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { allowedEntries, chainProblems, compareWithTruth, withStore } from './audit.ts';
import {
  campaignConfig,
  issueLoadKey,
  makeHome,
  startGatewayProcess,
  targetAndRoute,
  type GatewayProcess,
  type Home,
} from './gateway-process.ts';
import { makeLoadClient, newUser, type LoadClient } from './load-client.ts';
import { startUsersTarget } from './users-target.ts';

/** The store needs its reserve of 8 MiB, and a little more. */
const diskSize = '14m';
const createsMax = 4_000;
const recoveryMs = 20_000;
const chunk = Buffer.alloc(65_536);

const mountScript = `cp -a "$1" "$1.kept" && mount -t tmpfs -o size=${diskSize} tmpfs "$1" && cp -a "$1.kept/." "$1/" && echo mounted && exec cat`;

/** Why no file system can be mounted here, or null where one can. */
const whyNoDisk = (): string | null => {
  const script = 'mount -t tmpfs -o size=1m tmpfs /tmp && command -v nsenter';
  const tried = spawnSync('unshare', ['-rm', 'sh', '-c', script], { stdio: 'ignore' });
  if (tried.error !== undefined) return 'unshare is not installed';
  return tried.status === 0 ? null : 'no file system may be mounted here';
};

/** Mounts the small disk over the home's data folder, for as long as the holder lives. */
const mountDisk = async (folder: string): Promise<ChildProcess> => {
  const args = ['-rm', 'sh', '-c', mountScript, 'sh', folder];
  const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const [said] = (await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')])) as [
    unknown,
  ];
  if (String(said).trim() !== 'mounted') throw new Error('the small disk was not mounted');
  return holder;
};

/** Writes until the disk takes nothing more. */
const fill = async (path: string): Promise<number> => {
  const file = await open(path, 'w');
  let bytes = 0;
  try {
    for (let size = chunk.length; size >= 1;) {
      try {
        const { bytesWritten } = await file.write(chunk, 0, size);
        bytes += bytesWritten;
        if (bytesWritten < size) size = bytesWritten;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size = Math.floor(size / 16);
      }
    }
  } finally {
    await file.close();
  }
  return bytes;
};

type Counts = { created: number; refused: number; deleted: number; other: string[] };

const create = async (client: LoadClient, counts: Counts, name: string): Promise<string | null> => {
  const answer = await client.ask('POST', '/scim/users/Users', newUser(`${name}@example.com`));
  if (answer?.status === 201) {
    counts.created += 1;
    return answer.resourceId;
  }
  const refused = answer?.status === 503 && answer.code === 'ledger_unavailable';
  if (refused && Number(answer.retryAfter) > 0) counts.refused += 1;
  else counts.other.push(`a create was answered ${answer?.status} ${answer?.code}`);
  return null;
};

const ready = async (gateway: GatewayProcess): Promise<number> => {
  const { statusCode, body } = await request(`${gateway.admin}/readyz`);
  await body.dump();
  return statusCode;
};

/** Creates until the disk refuses, then reads and revokes on it, then gives room and waits. */
const play = async (gateway: GatewayProcess, client: LoadClient, disk: string) => {
  const counts: Counts = { created: 0, refused: 0, deleted: 0, other: [] };
  const first = await create(client, counts, 'first');
  const second = await create(client, counts, 'second');
  const ballast = join(disk, 'ballast');
  const ballastBytes = await fill(ballast);
  for (let at = 0; at < createsMax && counts.refused === 0; at += 1) {
    await create(client, counts, `fill-${at}`);
    // What commits have set free of the log is taken too.
    if (counts.refused === 0 && at % 50 === 49) await fill(`${ballast}-${at}`);
  }
  const expect = (what: string, got: number | undefined, wanted: number): void => {
    if (got !== wanted) counts.other.push(`${what}: ${got}, not ${wanted}`);
  };
  if (counts.refused === 0) counts.other.push('the disk never refused');
  const unready = await ready(gateway);
  expect('/readyz on a full disk', unready, 503);
  const path = `/scim/users/Users/${first}`;
  expect('a read on a full disk', (await client.ask('GET', path))?.status, 200);
  const revoked = await client.ask('DELETE', `/scim/users/Users/${second}`);
  expect('a revocation from the reserve', revoked?.status, 204);
  const spare = await stat(join(disk, 'sallyport.db.reserve')).catch(() => null);
  if (spare !== null) counts.other.push('the reserve was not given back to the disk');
  await rm(ballast);
  const freedAt = performance.now();
  while ((await ready(gateway)) !== 200 && performance.now() - freedAt < recoveryMs) {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  const healedMs = Math.round(performance.now() - freedAt);
  const before = counts.created;
  await create(client, counts, 'healed');
  expect('creates after the disk has room again', counts.created - before, 1);
  return { counts, ballastBytes, healedMs };
};

const audit = (home: Home) =>
  withStore(home, async (foundation) => ({
    rows: await allowedEntries(foundation),
    chain: await chainProblems(foundation),
  }));

const onSmallDisk = async (print: (line: string) => void) => {
  const target = await startUsersTarget();
  const home = await makeHome(campaignConfig(targetAndRoute('users', target.url)));
  const data = join(home.directory, 'data');
  const token = await issueLoadKey(home);
  await rm(`${home.storePath}.reserve`);
  const holder = await mountDisk(data);
  const disk = `/proc/${holder.pid}/root${data}`;
  const enter = ['nsenter', '-t', String(holder.pid), '-U', '-m', '--preserve-credentials'];
  try {
    const gateway = await startGatewayProcess(home, enter);
    const client = makeLoadClient({ base: gateway.data, token, connections: 1 });
    try {
      const { counts, ballastBytes, healedMs } = await play(gateway, client, disk);
      await gateway.end('SIGTERM');
      // Out of the namespace, over what lay there before the mount.
      await cp(disk, data, { recursive: true, force: true });
      const { rows, chain } = await audit(home);
      const truth = compareWithTruth(rows, target.arrivals());
      const unrecorded = target.arrivals().filter(({ ledgerId }) => !rows.has(ledgerId ?? ''));
      const found = [...counts.other, ...chain, ...truth.wrong];
      for (const line of found.slice(0, 20)) print(line);
      return {
        ok: found.length === 0 && unrecorded.length === 0 && truth.withoutOutcome === 0,
        figures: {
          'full disk': `${diskSize}, ${ballastBytes} bytes of ballast`,
          'full disk: refused': counts.refused,
          'full disk: arrived': target.arrivals().length,
          'full disk: unrecorded': unrecorded.length,
          'full disk: without outcome': truth.withoutOutcome,
          'full disk: ready again after ms': healedMs,
          'full disk: problems': found.length,
        },
      };
    } finally {
      await client.close();
      await gateway.end('SIGKILL');
    }
  } finally {
    holder.kill('SIGKILL');
    await target.stop();
    await home.remove();
  }
};

/** Plays it once. */
export const fillDisk = async (
  print: (line: string) => void,
): Promise<Readonly<{ ok: boolean; figures: Record<string, number | string> }>> => {
  const why = whyNoDisk();
  if (why === null) return onSmallDisk(print);
  print(`no full disk was played: ${why}`);
  return { ok: true, figures: { 'full disk': `not played: ${why}` } };
};
