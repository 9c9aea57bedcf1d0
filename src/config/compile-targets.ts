/**
 * Targets and clients of a snapshot. A target whose secrets do not resolve is closed alone: it
 * stays in the snapshot with its reason, and the rest serves.
 */
import { compilePin } from '../callers/pin.ts';
import type { ClientSettings } from '../callers/settings.ts';
import { rfcKnobs } from '../identity/dialects/knobs.ts';
import { searchesAsAsked } from '../identity/scim/plan-search.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import { isPlain } from '../identity/scim/write-knobs.ts';
import { compileLimit } from '../policy/compile-grants.ts';
import type { CompiledLimit } from '../policy/decision.ts';
import type { TenantSafety } from '../policy/safety.ts';
import type { LimitSetting, SecretReference } from '../scalars.ts';
import type { Client, ResolvedCredential, Target } from '../snapshot.ts';
import type { CredentialSettings, TargetSettings } from '../targets/settings.ts';
import { compileKnobs, limitSetting } from './compile-knobs.ts';
import type { ProblemAt } from './compile-routes.ts';
import { tenantOf } from './compile-tenants.ts';
import { digestOf } from './digest.ts';
import type { Path } from './problem.ts';
import type { SecretText } from './secrets.ts';

const limitOf = (
  setting: LimitSetting | undefined,
  key: string,
  policy: string,
): CompiledLimit | null => (setting === undefined ? null : compileLimit(setting, key, policy));

type Made = Readonly<{ header: readonly [string, string] }> | Readonly<{ failed: string }>;
type Resolve = (reference: SecretReference) => SecretText;

/** The header of one slot, by the key that names its kind. */
const headerOf = (slot: CredentialSettings, resolve: Resolve): Made => {
  if ('bearer' in slot) {
    const secret = resolve(slot.bearer);
    return 'failed' in secret ? secret : { header: ['authorization', `Bearer ${secret.text}`] };
  }
  if ('basic' in slot) {
    const secret = resolve(slot.basic.password);
    if ('failed' in secret) return secret;
    if (slot.basic.username.includes(':')) return { failed: 'a username has no colon' };
    const pair = Buffer.from(`${slot.basic.username}:${secret.text}`, 'utf8').toString('base64');
    return { header: ['authorization', `Basic ${pair}`] };
  }
  const secret = resolve(slot.header.value);
  return 'failed' in secret ? secret : { header: [slot.header.name.toLowerCase(), secret.text] };
};

/** RFC 9110 §5.5: visible ASCII, spaces and tabs inside. */
const isFieldValue = (text: string): boolean =>
  /^[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?$/.test(text);

/** What compiling a target needs beside its settings. */
export type TargetContext = Readonly<{
  /** Null: secrets were not asked for; every target with credentials stays closed. */
  resolve: Resolve | null;
  fingerprint(text: string): string;
  /** Resource types the target serves. */
  types: Readonly<Record<string, ResourceType>>;
  /** All rules of its tenant; null = none. */
  safety: TenantSafety | null;
  problem: ProblemAt;
  /** A slot that cannot be used; `closed` where it leaves the target without any. */
  unusable(path: Path, reason: string, closed: boolean): void;
}>;

/** Reason given while secrets were not asked for. */
const notResolved = 'its secrets were not resolved';

const credentialsOf = (
  name: string,
  slots: readonly CredentialSettings[],
  context: TargetContext,
): Pick<Target, 'credentials' | 'unconfigured'> => {
  const { resolve } = context;
  if (resolve === null)
    return { credentials: [], unconfigured: slots.length === 0 ? null : notResolved };
  const credentials: ResolvedCredential[] = [];
  const failures: { path: Path; reason: string }[] = [];
  for (const [index, slot] of slots.entries()) {
    const made = headerOf(slot, resolve);
    const path = ['targets', name, 'auth', index];
    if ('failed' in made) {
      failures.push({ path, reason: made.failed });
    } else if (!isFieldValue(made.header[1])) {
      failures.push({ path, reason: 'the secret has characters that no header can carry' });
    } else {
      const expiresAt = slot.expires ?? Number.POSITIVE_INFINITY;
      credentials.push({ headerName: made.header[0], headerValue: made.header[1], expiresAt });
    }
  }
  const closed = slots.length > 0 && credentials.length === 0;
  for (const { path, reason } of failures) context.unusable(path, reason, closed);
  return { credentials, unconfigured: closed ? (failures[0]?.reason ?? notResolved) : null };
};

/** One target. */
export const compileTarget = (
  name: string,
  settings: TargetSettings,
  context: TargetContext,
): Target => {
  const { credentials, unconfigured } = credentialsOf(name, settings.auth ?? [], context);
  // Rules of safety shape no pool and no breaker.
  const { auth: _, guards: _g, protected: _p, privileged: _r, ...shape } = settings;
  const knobs = compileKnobs(name, settings, context.types, context.problem);
  return Object.freeze({
    name,
    settings,
    knobs,
    searchesAsAsked: searchesAsAsked(knobs, rfcKnobs),
    plainWrites: isPlain(knobs),
    tenant: tenantOf(settings),
    digest: digestOf({
      shape,
      unconfigured,
      credentials: credentials.map(({ headerName, headerValue, expiresAt }) => [
        headerName,
        context.fingerprint(headerValue),
        String(expiresAt),
      ]),
    }).slice(0, 16),
    credentials,
    unconfigured,
    safety: context.safety,
    limitReads: limitOf(limitSetting(settings, 'reads'), `target:${name}:reads`, 'target-reads'),
    limitWrites: limitOf(
      limitSetting(settings, 'writes'),
      `target:${name}:writes`,
      'target-writes',
    ),
  });
};

/** One client. */
export const compileClient = (name: string, settings: ClientSettings): Client =>
  Object.freeze({
    name,
    settings,
    expiresAt: settings.expires,
    internal: settings.auth.includes('internal'),
    // Ranges that cannot be read were reported by references.ts; here they match nothing.
    pin: settings.from === undefined ? null : compilePin(settings.from, () => undefined),
    limitReads: limitOf(settings.limits?.reads, `client:${name}:reads`, 'client-reads'),
    limitWrites: limitOf(settings.limits?.writes, `client:${name}:writes`, 'client-writes'),
  });
