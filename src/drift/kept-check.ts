/**
 * What a resource must hold, as it is kept: sealed, because ids and values of people are in it. Every
 * check keeps the entry that made it so. Bounded: the oldest checks of a resource go first.
 */
import { mergeChecks, type Watched } from '../identity/scim/merge-checks.ts';
import { passes, type Check, type Expected } from '../identity/scim/readback.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import type { KeyRing, Sealed } from '../sealing.ts';

/** Of one resource: that it is gone, or what it holds. */
export type KeptCheck = Readonly<{
  /** Id at the target. */
  id: string;
  /** The entry that removed it; null = it must be there. */
  gone: Readonly<{ entry: string; at: number }> | null;
  watched: readonly Watched[];
}>;

/** A mutation that was applied, as much as counts here. `expected` null: what it changed cannot be told. */
export type Change = Readonly<{
  entry: string;
  at: number;
  expected: Expected | null;
  /** The resource after it, where that is known. */
  after: Resource | null;
}>;

/** Checks kept of one resource, and bytes of all of them as JSON. */
const watchedMax = 500;
const bytesMax = 262_144;

/** The 16 bytes under which a resource is kept. */
export const checkKey = (
  keyRing: Pick<KeyRing, 'fingerprint'>,
  { tenant, type, id }: Readonly<{ tenant: string; type: string; id: string }>,
): Buffer => keyRing.fingerprint(`drift/${tenant}\n${type}\n${id}`).subarray(0, 16);

const contextOf = (key: Buffer): string => `drift ${key.toString('hex')}`;

const bounded = (kept: KeptCheck): string => {
  let watched = kept.watched.slice(-watchedMax);
  let text = JSON.stringify({ ...kept, watched });
  while (text.length > bytesMax && watched.length > 0) {
    watched = watched.slice(Math.ceil(watched.length / 2));
    text = JSON.stringify({ ...kept, watched });
  }
  return text;
};

export const sealCheck = (keyRing: Pick<KeyRing, 'seal'>, key: Buffer, kept: KeptCheck): Sealed =>
  keyRing.seal(Buffer.from(bounded(kept), 'utf8'), contextOf(key));

/** Opens it; null where no key of the ring fits or a byte was changed. */
export const openCheck = (
  keyRing: Pick<KeyRing, 'open'>,
  key: Buffer,
  sealed: Sealed,
): KeptCheck | null => {
  const plain = keyRing.open(sealed, contextOf(key));
  return plain === null ? null : (JSON.parse(plain.toString('utf8')) as KeptCheck);
};

const checksOf = (expected: Expected | null): readonly Check[] =>
  expected === null || expected.kind === 'gone' ? [] : expected.checks;

/** What must hold after one more mutation. `kept` null: nothing was watched. */
export const withChange = (
  kept: KeptCheck | null,
  id: string,
  change: Change,
  type: ResourceType,
): KeptCheck => {
  const { expected, entry, at, after } = change;
  if (expected?.kind === 'gone') return { id, gone: { entry, at }, watched: [] };
  // A created resource begins anew, whatever had its id.
  const older = expected?.kind === 'created' || kept === null || kept.gone !== null;
  const watched = older ? [] : kept.watched;
  if (expected === null) {
    // Only what can be seen to hold still is known of it.
    const left = after === null ? [] : watched.filter(({ check }) => passes(check, after, type));
    return { id, gone: null, watched: left };
  }
  const wrote = { checks: checksOf(expected), entry, at };
  return { id, gone: null, watched: mergeChecks(watched, wrote, type) };
};

/** The same without what this entry may or may not have changed: it is in doubt. */
export const withDoubt = (
  kept: KeptCheck | null,
  id: string,
  change: Change,
  type: ResourceType,
): KeptCheck => {
  if (change.expected?.kind === 'gone') return { id, gone: null, watched: [] };
  const merged = withChange(kept, id, change, type);
  return { ...merged, watched: merged.watched.filter(({ entry }) => entry !== change.entry) };
};

/**
 * What a read-back must find: of all, or only of what is at least as old as `before` (wall ms), so that
 * a target has had the time its route gives it. Null where nothing is old enough.
 */
export const expectedBy = (
  { id, gone, watched }: KeptCheck,
  before = Number.POSITIVE_INFINITY,
): Exclude<Expected, Readonly<{ kind: 'created' }>> | null => {
  if (gone !== null) return gone.at <= before ? { kind: 'gone', id } : null;
  const checks = watched.filter(({ at }) => at <= before).map(({ check }) => check);
  return checks.length === 0 ? null : { kind: 'changed', id, checks };
};

/** Wall ms of the oldest mutation that it speaks of; null where it speaks of none. */
export const oldestOf = ({ gone, watched }: KeptCheck): number | null => {
  if (gone !== null) return gone.at;
  return watched.length === 0 ? null : Math.min(...watched.map(({ at }) => at));
};
