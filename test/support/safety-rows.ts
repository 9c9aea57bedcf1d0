/** Rows of the safety ports as tests keep them. */
import type { CheckRow } from '../../src/drift/check-store.ts';
import type { NewHold } from '../../src/holds/hold-store.ts';
import { ledgerId, newHoldId, newOverrideId, systemRandom } from '../../src/ids.ts';
import type { Use } from '../../src/reports/use-store.ts';
import type { ProtectionMark } from '../../src/safety/mark-store.ts';
import type { Override } from '../../src/safety/override-store.ts';
import { keyRing } from '../ledger/fixture.ts';

/** A time that tests begin from, wall ms. */
export const start = 1_700_000_000_000;

/** A held mutation `body` of subject `subject`; both stand for hashes. */
export const newHold = (
  subject: string,
  { body = 'body', at = start, ...more }: Partial<NewHold> & { body?: string } = {},
): NewHold => ({
  id: newHoldId(at, systemRandom),
  at,
  expiresAt: at + 86_400_000,
  tenant: 'slack',
  target: 'slack-eu',
  route: 'slack',
  client: 'entra',
  actions: 'users:deactivate',
  resourceType: 'User',
  rule: 'guards.leavers',
  batch: 'batch-1',
  join: keyRing.fingerprint(`join ${more.client ?? 'entra'} ${subject}`),
  mutation: Buffer.alloc(32, keyRing.fingerprint(`mutation ${body}`)),
  by: 1,
  sealed: keyRing.seal(Buffer.from(body), 'hold'),
  ...more,
});

/** A check of a resource, as of an entry at `at`. */
export const newCheck = (
  resource: string,
  { at = start, ...more }: Partial<CheckRow> = {},
): Omit<CheckRow, 'state' | 'round' | 'driftedAt' | 'paths' | 'version'> => ({
  key: keyRing.fingerprint(`check ${resource}`),
  entry: ledgerId('0badcafe', 1),
  at,
  tenant: 'slack',
  target: 'slack-eu',
  route: 'slack',
  resourceType: 'User',
  dueAt: at + 60_000,
  sealed: keyRing.seal(Buffer.from(resource), 'check'),
  ...more,
});

export const newMark = (id: string, more: Partial<ProtectionMark> = {}): ProtectionMark => ({
  tenant: 'slack',
  rule: 'executives',
  word: 'users',
  id,
  at: start,
  ...more,
});

/** An override that a person asked for. */
export const newOverride = ({ at = start, ...more }: Partial<Override> = {}): Override => ({
  id: newOverrideId(at, systemRandom),
  tenant: 'slack',
  rule: 'executives',
  client: 'entra',
  subject: null,
  reason: 'incident 7',
  by: 'alice@example.com',
  at,
  until: at + 3_600_000,
  approvedBy: null,
  approvedAt: null,
  endedAt: null,
  ...more,
});

/** What was used once. */
export const newUse = (more: Partial<Use> = {}): Use => ({
  day: 19_000,
  route: 'slack',
  client: 'entra',
  rule: 'permissions.joiner.users',
  action: 'users:update',
  verdict: 'allowed',
  count: 1,
  attributes: [],
  ...more,
});
