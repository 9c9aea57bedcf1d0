/**
 * After the session: reads the ledger through the admin API as a person would, holds it against what
 * the target saw, verifies it, and shows that a copy with one altered byte no longer verifies.
 */
import { createPublicKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { request } from 'undici';
import { systemClock } from '../clock.ts';
import { evidenceOfExport } from '../ledger/evidence-of-export.ts';
import { verifyLedger, type Verified } from '../ledger/verify.ts';
import type { DemoGateway } from './demo-gateway.ts';
import type { LedgerRow } from './play-session.ts';
import type { Seen } from './sandbox.ts';

const settleMsMax = 3_000;
const pauseMs = 50;

export type Admin = Pick<DemoGateway, 'adminUrl' | 'personToken'>;

/** Asks the admin API as that person; rejects with what it answered where it refused. */
export const askAdmin = async (
  admin: Admin,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
) => {
  const response = await request(`${admin.adminUrl}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${admin.personToken}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.body.text();
  if (response.statusCode !== 200) throw new Error(`the admin API answered: ${text}`);
  return text;
};

/** Asks until `enough` holds, for three seconds at most; resolves with the last answer. */
const until = async <Value>(
  look: () => Promise<Value>,
  enough: (value: Value) => boolean,
): Promise<Value> => {
  const end = systemClock.monotonic() + settleMsMax;
  for (;;) {
    const value = await look();
    if (enough(value) || systemClock.monotonic() > end) return value;
    await wait(pauseMs);
  }
};

/**
 * The ledger's rows, once each of `traces` is there and every entry has its outcome: both may follow an
 * answer by 20 ms.
 */
export const readLedger = async (
  admin: Admin,
  traces: readonly string[],
): Promise<readonly LedgerRow[]> => {
  return until(
    async () => JSON.parse(await askAdmin(admin, 'GET', '/ledger?limit=1000')) as LedgerRow[],
    (found) =>
      traces.every((trace) => found.some(({ traceId }) => traceId === trace)) &&
      found.every((row) => row.decision !== 'allow' || row.outcome !== null),
  );
};

/** One claim about the ledger, with what was found. */
export type Claim = Readonly<{ ok: boolean; says: string }>;

const sameMutations = (seen: readonly Seen[], rows: readonly LedgerRow[]): Claim => {
  const arrived = seen.flatMap(({ ledgerId }) => (ledgerId === null ? [] : [ledgerId]));
  const sent = rows.filter(({ outcome }) => outcome !== null && outcome !== 'not-sent');
  const ok =
    arrived.length > 0 &&
    arrived.length === sent.length &&
    sent.every(({ id }) => arrived.includes(id));
  const says = `${arrived.length} mutations reached the target, ${sent.length} entries say sent: ${
    ok ? 'the same' : 'NOT the same'
  }`;
  return { ok, says };
};

const verdict = (says: string, verified: Verified, wanted: boolean): Claim => {
  const found = verified.problems[0];
  const outcome = verified.ok
    ? `verified, ${verified.records} records against ${verified.checkpoints} checkpoints`
    : `NOT verified: ${found?.code ?? ''} at ${found?.at ?? ''}`;
  return { ok: verified.ok === wanted, says: `${says}: ${outcome}` };
};

async function* linesOf(text: string): AsyncIterable<string> {
  for (const line of text.split('\n')) if (line !== '') yield line;
}

/** Everything claimed of the ledger, checked. Leaves `evidence.ndjson` in the demo's folder. */
export const proveLedger = async (
  gateway: DemoGateway,
  seen: readonly Seen[],
  rows: readonly LedgerRow[],
): Promise<readonly Claim[]> => {
  const since = await until(
    () => readFile(join(gateway.folder, 'data/checkpoints.log'), 'utf8').catch(() => ''),
    (text) => text !== '',
  );
  const online = JSON.parse(
    await askAdmin(gateway, 'POST', '/ledger/verify', { since }),
  ) as Verified;
  const evidence = await askAdmin(gateway, 'GET', '/ledger/export?format=ndjson');
  await writeFile(join(gateway.folder, 'evidence.ndjson'), evidence);
  const offline = (text: string): Promise<Verified> =>
    verifyLedger(evidenceOfExport(linesOf(text)), {
      publicKey: createPublicKey(gateway.publicKeyPem),
      now: systemClock.now(),
      sinceCheckpoint: since,
    });
  // What somebody would do who wants a deletion never to have been asked for.
  const altered = evidence.replace('users:deactivate', 'users:reactivate');
  return [
    sameMutations(seen, rows),
    verdict('the ledger, by the gateway', online, true),
    verdict('its export, offline', await offline(evidence), true),
    verdict('the export with one word altered', await offline(altered), false),
  ];
};
