/**
 * What makes two mutations the same call: client, route and what was sent, in canonical form but
 * before the profile (what a reload changes there makes no other call of it), or the client's own
 * Idempotency-Key. Keyed fingerprints only: what was sent may hold a password.
 */
import { hash, randomUUID } from 'node:crypto';
import { matchingOf } from '../identity/scim/readback.ts';
import type { KeyRing } from '../sealing.ts';
import type { Passage } from './doors.ts';
import type { MutationWalk } from './mutation-walk.ts';
import type { CallIdentity } from './remembered-calls.ts';

/** JSON in which the order of members says nothing. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
};

const wordsOf = ({ actor, route, operation }: Passage): unknown => {
  const {
    repairs: _repairs,
    type,
    ...said
  } = operation as Extract<Passage['operation'], { verb: 'patch' }>;
  return [actor.client.name, route.name, type.word, said];
};

/** Of this process alone: what is hashed with it is good for nothing elsewhere. */
const salt = randomUUID();

/**
 * The same words in the same order, as whoever sends again does; kept in memory only. One-shot: this
 * is made for every mutation.
 */
const nearIdentity = (passage: Passage): string =>
  hash('sha256', salt + JSON.stringify(wordsOf(passage)), 'base64');

const digest = (fingerprint: KeyRing['fingerprint'], text: string): string =>
  fingerprint(text).toString('hex', 0, 16);

/**
 * The identity of a mutation; null where a repeat of it cannot be told from another call of the same
 * words: without a key, a create that has no matching attribute, and what takes access away, which
 * goes out however often it is sent. What people let out is nobody's repeat: their hold stands for it.
 */
export const identityOf = ({ deps, journey, operation }: MutationWalk): CallIdentity | null => {
  const { passage } = journey;
  const { actor, route, origin } = passage;
  const { fingerprint } = deps;
  if (passage.release !== undefined || passage.undo !== undefined) return null;
  const key = origin.idempotencyKey;
  if (key === null) {
    if (journey.revocation) return null;
    if (operation.verb === 'create' && matchingOf(operation.resource, operation.type) === null) {
      return null;
    }
  }
  if (key === null) {
    const call = nearIdentity(passage);
    return { id: call, call, keyed: false };
  }
  const call = digest(fingerprint, `call/${JSON.stringify(sorted(wordsOf(passage)))}`);
  const named = JSON.stringify([actor.client.name, route.name, key]);
  return { id: `idk_${digest(fingerprint, `idempotency-key/${named}`)}`, call, keyed: true };
};
