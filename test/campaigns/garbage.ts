/**
 * Garbage at both listeners of a real gateway process, with and without a valid key, while another
 * client works. One round is one connection. Nothing may crash, hang, grow, leak or answer without
 * a code, and nothing may be answered that is a defect.
 */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { request } from 'undici';
import { errorTable } from '../../src/errors.ts';
import type { Campaign, CampaignOptions, CampaignResult } from './campaign.ts';
import { codeOf, exchange, faultsOf } from './garbage-checks.ts';
import { drawGarbage } from './garbage-requests.ts';
import {
  campaignConfig,
  issueLoadKey,
  makeHome,
  startGatewayProcess,
  targetAndRoute,
  type GatewayProcess,
} from './gateway-process.ts';
import { makeChance, type Chance } from './random.ts';
import { startScimTarget, type ScimTarget } from './scim-target.ts';

const workers = 32;
/** An ordinary call of another client after so many pieces of garbage of one worker. */
const ordinaryEvery = 50;
/** One of so many goes to the admin listener. */
const adminEvery = 12;
/** The target forgets what was created after so many. */
const forgetEvery = 200;
/** Heap of the gateway, MiB. */
const heapMebi = 160;
/** Connections before memory is measured for the first time, at least. */
const warmUp = 1_000;

const codes: ReadonlySet<string> = new Set(Object.keys(errorTable));

/** Resident memory of a process, bytes. */
const residentBytes = async (pid: number): Promise<number> => {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) * 1_024;
};

/** Open files of a process; null where the system does not tell. */
const openFiles = async (pid: number): Promise<number | null> =>
  readdir(`/proc/${pid}/fd`).then(
    (names) => names.length,
    () => null,
  );

type Play = {
  readonly gateway: GatewayProcess;
  readonly target: ScimTarget;
  readonly key: string;
  readonly secrets: readonly string[];
  readonly seen: Map<string, number>;
  readonly faults: Map<string, string[]>;
  sent: number;
  answered: number;
  ordinary: number;
};

const fault = (play: Play, what: string, example: string): void => {
  const known = play.faults.get(what) ?? [];
  if (known.length < 1_000) known.push(example);
  play.faults.set(what, known);
};

const portOf = (url: string): number => Number(new URL(url).port);

const sendGarbage = async (play: Play, chance: Chance): Promise<void> => {
  const { gateway, key } = play;
  const admin = chance.below(adminEvery) === 0;
  const port = portOf(admin ? gateway.admin : gateway.data);
  const base = admin ? chance.pick(['/api/v1/ledger', '/livez', '/readyz', '']) : '/scim/stub';
  const garbage = drawGarbage(chance, { host: `127.0.0.1:${port}`, base, key });
  const exchanged = await exchange(port, garbage);
  for (const answer of exchanged.answers ?? []) {
    play.answered += 1;
    const name = `${admin ? 'admin ' : ''}${answer.status} ${codeOf(answer) ?? '-'}`;
    play.seen.set(name, (play.seen.get(name) ?? 0) + 1);
  }
  const expected = { garbage, ids: !admin, secrets: play.secrets, codes };
  for (const what of faultsOf(exchanged, expected)) {
    const example = JSON.stringify([
      garbage.bytes.toString('latin1').slice(0, 400),
      exchanged.text.slice(0, 300),
    ]);
    fault(play, `${admin ? 'admin: ' : ''}${what}`, example);
  }
};

const workOrdinarily = async (play: Play): Promise<void> => {
  const headers = { authorization: `Bearer ${play.key}` };
  const { statusCode, body } = await request(`${play.gateway.data}/scim/stub/Users/steady`, {
    headers,
  });
  await body.dump();
  play.ordinary += 1;
  if (statusCode !== 200) fault(play, 'an ordinary call failed', String(statusCode));
};

const reset = (target: ScimTarget): void =>
  target.store.reset(
    ['u1', 'u2', 'steady'].map((id) => ({ id, userName: `${id}@example.com`, active: true })),
    [],
  );

const sendMany = async (play: Play, until: number, chances: readonly Chance[]): Promise<void> => {
  await Promise.all(
    chances.map(async (chance) => {
      while (play.sent < until) {
        play.sent += 1;
        const ordinary = play.sent % ordinaryEvery === 0;
        if (play.sent % forgetEvery === 0) reset(play.target);
        await sendGarbage(play, chance).catch((error: unknown) =>
          fault(play, 'the campaign failed', String(error)),
        );
        if (ordinary)
          await workOrdinarily(play).catch(() =>
            fault(play, 'an ordinary call failed', 'no answer'),
          );
      }
    }),
  );
};

type Size = Readonly<{ bytes: number; files: number | null }>;
const sizeOf = async (pid: number): Promise<Size> => ({
  bytes: await residentBytes(pid),
  files: await openFiles(pid),
});
const mebi = 1_048_576;
const inMebi = (bytes: number): string => `${(bytes / mebi).toFixed(0)} MiB`;

const report = (
  play: Play,
  early: Size,
  late: Size,
  { print }: CampaignOptions,
): CampaignResult => {
  const grown = late.bytes > early.bytes * 1.3 + 30 * mebi;
  if (grown) fault(play, 'memory grew', `${inMebi(early.bytes)} to ${inMebi(late.bytes)}`);
  if ((late.files ?? 0) > (early.files ?? 0) + workers + 32) {
    fault(play, 'open files grew', `${early.files} to ${late.files}`);
  }
  for (const [name, count] of [...play.seen].sort(([one], [other]) => one.localeCompare(other)))
    print(`  ${name.padEnd(40)} ${count}`);
  for (const [what, examples] of play.faults) {
    print(`  FAULT ${what}: ${examples.length}`);
    for (const example of examples.slice(0, 3)) print(`    ${example}`);
  }
  const internal = [...play.seen].filter(([name]) => name.endsWith(' internal'));
  return {
    ok: play.faults.size === 0 && play.answered > play.sent / 2,
    figures: {
      connections: play.sent,
      answers: play.answered,
      'ordinary calls in between': play.ordinary,
      internal: internal.reduce((sum, [, count]) => sum + count, 0),
      faults: [...play.faults.values()].reduce((sum, examples) => sum + examples.length, 0),
      memory: `${inMebi(early.bytes)} to ${inMebi(late.bytes)}`,
      'open files': `${early.files ?? '-'} to ${late.files ?? '-'}`,
    },
  };
};

const run = async (options: CampaignOptions): Promise<CampaignResult> => {
  const { rounds, seed } = options;
  const target = await startScimTarget();
  reset(target);
  const home = await makeHome(campaignConfig(targetAndRoute('stub', target.url)));
  try {
    const key = await issueLoadKey(home);
    // With a small heap a leak of objects ends the process instead of hiding in what V8 saves up.
    const small = {
      ...home,
      env: { ...home.env, NODE_OPTIONS: `--max-old-space-size=${heapMebi}` },
    };
    const gateway = await startGatewayProcess(small);
    const secrets = [key, ...Object.values(home.env), home.directory, new URL(target.url).host];
    const counts = { sent: 0, answered: 0, ordinary: 0 };
    const play: Play = {
      gateway,
      target,
      key,
      secrets,
      seen: new Map(),
      faults: new Map(),
      ...counts,
    };
    try {
      const chances = Array.from({ length: workers }, (_, worker) =>
        makeChance(seed * 7_919 + worker),
      );
      await sendMany(play, Math.min(rounds, Math.max(warmUp, Math.floor(rounds / 10))), chances);
      const early = await sizeOf(gateway.pid);
      await sendMany(play, rounds, chances);
      const late = await sizeOf(gateway.pid);
      // The same process still answers: its pid was measured, and it serves.
      await workOrdinarily(play).catch(() => fault(play, 'the gateway is gone', ''));
      return report(play, early, late, options);
    } finally {
      await gateway.end('SIGTERM');
    }
  } finally {
    await home.remove();
    await target.stop();
  }
};

export const campaign: Campaign = {
  name: 'garbage',
  claim: 'no garbage crashes, hangs, grows or unmasks the gateway; every answer is coded and meant',
  roundsDefault: 100_000,
  run,
};
