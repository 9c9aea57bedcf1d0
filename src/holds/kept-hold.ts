/**
 * What lies inside the seal of a hold: the mutation whole, what it was decided over, and every word
 * people said about it. Types are kept by name, so that a hold outlives a change of the route file;
 * passwords are dropped unless the route keeps them. Everything that opens holds goes through here.
 */
import type { Action, Mutation } from '../identity/operation.ts';
import { isObject, type Json, type JsonObject } from '../identity/json-value.ts';
import type { Path, Resource, ResourceType } from '../identity/scim/schema-model.ts';
import type { HoldId, LedgerId } from '../ids.ts';
import { mutationHash, resourceHash } from '../passage/binding.ts';
import type { Actor, Origin } from '../passage/doors.ts';
import type { KeyRing, Sealed } from '../sealing.ts';

/** Most bytes inside a seal; what is larger is not held but refused. */
const keptBytesMax = 1_048_576;

type WithTypeName<Operation> = Operation extends Mutation
  ? Omit<Operation, 'type'> & Readonly<{ type: string }>
  : never;

/** A mutation as JSON: its resource type by name (`User`). */
export type KeptMutation = WithTypeName<Mutation>;

/** What one person agreed to; hashes in hex (passage/binding.ts). */
export type Approval = Readonly<{
  person: string;
  /** Wall ms. */
  at: number;
  configVersion: string;
  mutation: string;
  /** Null where no before-image was known. */
  before: string | null;
}>;

/** Approvals that no longer count, and since when. */
export type Voided = Readonly<{
  at: number;
  /** Short word: `before-changed`, `config-changed`, `held-again`, an error code. */
  why: string;
  by: readonly Readonly<{ person: string; at: number }>[];
}>;

/** How it ended without being released. `by`: a person, or `policy`. */
export type Ending = Readonly<{ by: string; at: number; reason: string }>;

export type KeptHold = Readonly<{
  operation: KeptMutation;
  actions: readonly Action[];
  before: Resource | null;
  after: Resource | null;
  /** Hex; of the mutation as it is kept. */
  mutation: string;
  /** Hex; null where no before-image is known. */
  beforeHash: string | null;
  /** Of the configuration that decided last. */
  configVersion: string;
  /** Owner of the client when it was held: who gives it away does not become somebody else. */
  owner: string | null;
  /** Who asked: how the actor is rebuilt at release. */
  actor: Exclude<Actor['kind'], 'released'>;
  origin: Readonly<Pick<Origin, 'requestId' | 'traceId' | 'callerRequestId'>>;
  /** Entries that it takes back. */
  reverses: readonly LedgerId[];
  /** A password was part of it, and is kept nowhere. */
  passwordDropped: boolean;
  /** Rules that hold it; the first is the one that did at first. */
  rules: readonly string[];
  /** Those that count. */
  approvals: readonly Approval[];
  /** Oldest first, the last twenty. */
  voided: readonly Voided[];
  end: Ending | null;
}>;

const contextOf = (id: HoldId): string => `hold ${id}`;

/** Seals it under the hold's id; null where it is larger than `keptBytesMax`. */
export const sealHold = (
  keyRing: Pick<KeyRing, 'seal'>,
  id: HoldId,
  kept: KeptHold,
): Sealed | null => {
  const plain = Buffer.from(JSON.stringify(kept), 'utf8');
  return plain.length > keptBytesMax ? null : keyRing.seal(plain, contextOf(id));
};

/** Opens it; null where no key of the ring fits or a byte was changed. */
export const openHold = (
  keyRing: Pick<KeyRing, 'open'>,
  id: HoldId,
  sealed: Sealed,
): KeptHold | null => {
  const plain = keyRing.open(sealed, contextOf(id));
  if (plain === null) return null;
  try {
    return JSON.parse(plain.toString('utf8')) as KeptHold;
  } catch {
    return null;
  }
};

/** The mutation as JSON. */
export const keepMutation = (operation: Mutation): KeptMutation => ({
  ...operation,
  type: operation.type.name,
});

/** The mutation again, by the types a route serves now; null where it has none of that name. */
export const mutationOf = (
  kept: KeptMutation,
  types: Readonly<Record<string, ResourceType>>,
): Mutation | null => {
  const type = Object.values(types).find(({ name }) => name === kept.type);
  return type === undefined ? null : { ...kept, type };
};

/** Is this attribute one that nobody is ever shown (a password)? */
const isSecret = (type: ResourceType, { schema, attribute }: Path): boolean => {
  const name = attribute.toLowerCase();
  const home =
    schema === undefined || schema.toLowerCase() === type.schema.id.toLowerCase()
      ? type.schema
      : type.extensions[schema.toLowerCase()];
  return home?.attributes[name]?.returned === 'never';
};

const withoutMembers = (
  value: JsonObject,
  isGone: (name: string) => boolean,
): Record<string, Json | undefined> =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !isGone(name)));

/** A resource without secrets, of the core and of known extensions. */
export const withoutSecrets = (resource: Resource, type: ResourceType): Resource => {
  const plain = withoutMembers(resource, (attribute) => isSecret(type, { attribute }));
  for (const [schema, value] of Object.entries(plain)) {
    if (!isObject(value) || type.extensions[schema.toLowerCase()] === undefined) continue;
    plain[schema] = withoutMembers(value, (attribute) => isSecret(type, { schema, attribute }));
  }
  return plain;
};

const hasSecrets = (resource: Resource, type: ResourceType): boolean =>
  JSON.stringify(withoutSecrets(resource, type)) !== JSON.stringify(resource);

/** The mutation without its passwords; null where nothing is left of it. */
export const withoutPasswords = (
  operation: Mutation,
  actions: readonly Action[],
): Readonly<{ operation: Mutation; actions: readonly Action[]; dropped: boolean }> | null => {
  const { type } = operation;
  const others = actions.filter((action) => !action.endsWith(':password'));
  if (actions.length > 0 && others.length === 0) return null;
  if (operation.verb === 'create' || operation.verb === 'replace') {
    if (!hasSecrets(operation.resource, type)) return { operation, actions, dropped: false };
    const resource = withoutSecrets(operation.resource, type);
    return { operation: { ...operation, resource }, actions: others, dropped: true };
  }
  if (operation.verb === 'delete') return { operation, actions, dropped: false };
  const changes = operation.changes.filter(({ path }) => !isSecret(type, path));
  if (changes.length === operation.changes.length) return { operation, actions, dropped: false };
  if (changes.length === 0) return null;
  return { operation: { ...operation, changes }, actions: others, dropped: true };
};

/** Over what an approval is given: hashes in hex. `tenant`, `route`, `client` are the row's. */
export const bindingOf = (
  operation: Mutation,
  before: Resource | null,
  about: Readonly<{ tenant: string; route: string; client: string }>,
): Readonly<{ mutation: Buffer; beforeHash: string | null }> => {
  const { tenant, route, client } = about;
  return {
    mutation: mutationHash(operation, { tenant, route, client }),
    beforeHash: resourceHash(before)?.toString('hex') ?? null,
  };
};

/** Voided lists remembered. */
const voidedMax = 20;

/** The approvals given so far, set aside: they count no more. */
export const voidApprovals = (kept: KeptHold, why: string, at: number): KeptHold => {
  const by = kept.approvals.map(({ person, at: when }) => ({ person, at: when }));
  return { ...kept, approvals: [], voided: [...kept.voided, { at, why, by }].slice(-voidedMax) };
};
