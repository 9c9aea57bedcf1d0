/**
 * What a new snapshot lets through that the safety rules of the old one would have stopped, held or asked
 * about. Conservative, as all of widening.ts: whatever cannot be proven as strict is told.
 */
import { printDuration } from '../passage/places.ts';
import type { Guard, GuardWindow, TenantSafety } from '../policy/safety.ts';
import type { GuardSettings, ProtectionSettings } from '../policy/safety-settings.ts';
import type { Route, Snapshot } from '../snapshot.ts';
import type { TargetSettings } from '../targets/settings.ts';
import { tenantOf } from './compile-tenants.ts';
import { canonical } from './digest.ts';
import type { Parsed } from './parse-sections.ts';

type Side = Readonly<{ snapshot: Snapshot; parsed: Parsed }>;

const missing = <Value>(from: Iterable<Value>, among: Iterable<Value>): readonly Value[] => {
  const known = new Set(among);
  return [...from].filter((each) => !known.has(each));
};

const percent = (share: number): string => `${Math.round(share * 100)}%`;

const limitOf = ({ count, share, ms }: GuardWindow): string =>
  [count === null ? null : String(count), share === null ? null : percent(share)]
    .filter((part) => part !== null)
    .join(' or ')
    .concat(` in ${printDuration(ms)}`);

/** Null is no limit at all. */
const isRaised = (old: number | null, next: number | null): boolean =>
  old !== null && (next === null || next > old);

const widerWindows = (old: Guard, next: Guard): string[] => {
  // Without a window every such change trips.
  if (old.windows.length === 0)
    return next.windows.length === 0 ? [] : [`lets ${next.windows.map(limitOf).join(', ')} pass`];
  if (next.windows.length === 0) return next.detect === null ? ['has no window any more'] : [];
  return old.windows.flatMap((window) => {
    const now = next.windows.find(({ name }) => name === window.name);
    if (now === undefined) return [`has no ${window.name} window any more`];
    const looser =
      isRaised(window.count, now.count) || isRaised(window.share, now.share) || now.ms < window.ms;
    return looser ? [`lets ${limitOf(now)} pass`] : [];
  });
};

const widerGuard = (
  old: Readonly<{ guard: Guard; written: GuardSettings }>,
  next: Readonly<{ guard: Guard; written: GuardSettings }> | undefined,
): string[] => {
  if (next === undefined) return ['is removed'];
  const before = old.guard;
  const after = next.guard;
  const out: string[] = [];
  const actions = missing(before.actions, after.actions);
  if (actions.length > 0) out.push(`no longer counts ${actions.join(', ')}`);
  if (before.detect !== null && before.detect !== after.detect)
    out.push(`no longer detects ${before.detect}`);
  const attributes = missing(old.written.attributes ?? [], next.written.attributes ?? []);
  if (attributes.length > 0) out.push(`no longer watches ${attributes.join(', ')}`);
  if (after.above > before.above) out.push(`passes over groups of up to ${after.above} members`);
  if (after.share > before.share) out.push(`lets ${percent(after.share)} of the members go`);
  // One counter for all clients is the stricter one; a group's own is neither.
  if (before.per !== after.per && !(before.per === 'client' && after.per === 'tenant'))
    out.push(`counts per ${after.per}`);
  out.push(...widerWindows(before, after));
  if (before.then === 'deny' && after.then === 'hold') out.push('holds instead of denying');
  if (after.by < before.by) out.push(`needs ${after.by} approvals`);
  return out;
};

type Lists = Readonly<Record<string, unknown>>;

const listsOf = ({ users, groups }: ProtectionSettings): Lists => users ?? groups ?? {};

const widerProtection = (
  old: ProtectionSettings,
  next: ProtectionSettings | undefined,
  never: readonly string[],
): string[] => {
  if (next === undefined || (old.users === undefined) !== (next.users === undefined))
    return ['is removed'];
  const out: string[] = [];
  if (never.length > 0) out.push(`no longer forbids ${never.join(', ')}`);
  const before = listsOf(old);
  const after = listsOf(next);
  for (const [key, written] of Object.entries(before)) {
    const now = after[key];
    if (key === 'when') {
      if (written !== undefined && written !== now)
        out.push(`condition ${now === undefined ? 'removed' : 'changed'}`);
      continue;
    }
    const gone = missing(
      Array.isArray(written) ? (written as string[]) : [],
      Array.isArray(now) ? (now as string[]) : [],
    );
    // Whom a rule protects is nobody's business but the file's: ids and names are told by their number.
    if (gone.length > 0) out.push(`protects fewer by ${key} (${gone.length} removed)`);
  }
  return out;
};

/** The settings of all targets of one tenant. */
const settingsIn = ({ parsed }: Side, tenant: string): readonly TargetSettings[] =>
  [...parsed.targets.values()].filter((settings) => tenantOf(settings) === tenant);

const byName = <Each extends Readonly<{ name: string }>>(
  all: readonly Each[],
): ReadonlyMap<string, Each> => new Map(all.map((each) => [each.name, each]));

const writtenIn = (side: Side, tenant: string) => {
  const all = settingsIn(side, tenant);
  return {
    guards: byName(all.flatMap(({ guards }) => guards ?? [])),
    protections: byName(all.flatMap((settings) => settings.protected ?? [])),
    groups: all.flatMap(({ privileged }) => privileged?.groups ?? []),
    attributes: all.flatMap(({ privileged }) => privileged?.attributes ?? []),
    learns: all.some(({ privileged }) => privileged?.groups !== undefined),
  };
};

const safetyOf = ({ snapshot }: Side, tenant: string): TenantSafety | undefined =>
  Object.hasOwn(snapshot.tenants, tenant) ? snapshot.tenants[tenant] : undefined;

const widerTenant = (old: Side, next: Side, tenant: string): string[] => {
  const was = safetyOf(old, tenant);
  if (was === undefined) return [];
  const is = safetyOf(next, tenant);
  const before = writtenIn(old, tenant);
  const after = writtenIn(next, tenant);
  const out: string[] = [];
  const guards = byName(is?.guards ?? []);
  for (const guard of was.guards) {
    const written = before.guards.get(guard.name);
    const now = guards.get(guard.name);
    const nowWritten = after.guards.get(guard.name);
    if (written === undefined) continue;
    const found = widerGuard(
      { guard, written },
      now === undefined || nowWritten === undefined
        ? undefined
        : { guard: now, written: nowWritten },
    );
    out.push(...found.map((what) => `guard ${guard.name} ${what}`));
  }
  const protections = byName(is?.protections ?? []);
  for (const { name, never } of was.protections) {
    const written = before.protections.get(name);
    if (written === undefined) continue;
    const gone = missing(never, protections.get(name)?.never ?? []);
    const found = widerProtection(written, after.protections.get(name), gone);
    out.push(...found.map((what) => `protection ${name} ${what}`));
  }
  const groups = missing(before.groups, after.groups);
  if (groups.length > 0) out.push(`groups no longer privileged: ${groups.join(', ')}`);
  else if (before.learns && !after.learns)
    out.push('what the target tells of groups no longer makes them privileged');
  const attributes = missing(before.attributes, after.attributes);
  if (attributes.length > 0) out.push(`attributes no longer privileged: ${attributes.join(', ')}`);
  return out;
};

/** What a route no longer holds back. */
export const widerApprovals = (old: Route, next: Route): string[] => {
  const out: string[] = [];
  const { approval, decisionPoint } = old;
  if (approval !== null) {
    const now = next.approval;
    const gone = missing(approval.required, now?.required ?? []);
    if (gone.length > 0) out.push(`without approval: ${gone.join(', ')}`);
    if (now !== null && now.by < approval.by) out.push(`approval by ${now.by}`);
    if (now !== null && now.expiresMs > approval.expiresMs)
      out.push(`approvals wait for ${printDuration(now.expiresMs)}`);
  }
  if (next.approval?.keepsPasswords === true && approval?.keepsPasswords !== true)
    out.push('passwords of held changes are kept');
  if (decisionPoint !== null) {
    const now = next.decisionPoint;
    if (now === null) out.push('no external decision is asked for');
    else {
      if (now.target !== decisionPoint.target || now.path !== decisionPoint.path)
        out.push(`decisions are asked of ${now.target}${now.path}`);
      const gone =
        now.actions === null
          ? []
          : decisionPoint.actions === null
            ? ['some actions']
            : missing(decisionPoint.actions, now.actions);
      if (gone.length > 0) out.push(`no external decision on ${gone.join(', ')}`);
    }
  }
  return out;
};

const widerHolds = (old: Snapshot, next: Snapshot): string[] => {
  const out: string[] = [];
  if (next.holds.expiresMs > old.holds.expiresMs)
    out.push(`held changes wait for ${printDuration(next.holds.expiresMs)}`);
  const told = new Set(old.holds.notify.map(({ target, path }) => canonical([target, path])));
  for (const { target, path } of next.holds.notify)
    if (!told.has(canonical([target, path]))) out.push(`${target}${path} is told of held changes`);
  return out;
};

/** Of every tenant that is still led to, and of holds. */
export const widerSafety = (old: Side, next: Side): readonly string[] => {
  const tenants = new Set([...next.parsed.targets.values()].map(tenantOf));
  return [
    ...[...tenants].flatMap((tenant) =>
      widerTenant(old, next, tenant).map((what) => `tenant ${tenant}: ${what}`),
    ),
    ...widerHolds(old.snapshot, next.snapshot),
  ];
};
