/**
 * The safety rules of a snapshot by tenant. Whatever targets lead to one tenant, their rules are one set:
 * a name that means one thing at one of them and another thing at the other is a mistake, told with both
 * places.
 */
import { emptyView } from '../identity/scim/view.ts';
import { ruleName } from '../identity/scim/schemas.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import { compileGuard, type CompiledGuard } from '../policy/compile-guards.ts';
import { compilePrivileged, type CompiledPrivileged } from '../policy/compile-privileged.ts';
import { compileProtection, type CompiledProtection } from '../policy/compile-protection.ts';
import type { SafetyTools } from '../policy/safety-tools.ts';
import type { TenantSafety } from '../policy/safety.ts';
import { tenantSafety } from '../policy/tenant-safety.ts';
import type { TargetSettings } from '../targets/settings.ts';
import { typesOf, type ProblemAt } from './compile-routes.ts';
import { canonical, digestOf } from './digest.ts';
import type { Parsed } from './parse-sections.ts';
import { nearestSpot, printSpot, type MapTree } from './positions.ts';
import { didYouMean, type Path } from './problem.ts';

/** The origin of an address, however it is spelled: `https://example.com.` is the same host. */
export const originOf = (baseUrl: string): string => {
  if (!URL.canParse(baseUrl)) return baseUrl;
  const url = new URL(baseUrl);
  url.hostname = url.hostname.replace(/\.+$/, '');
  return url.origin;
};

/** The tenant behind a target: as written, else the origin of its address. */
export const tenantOf = ({ tenant, baseUrl }: Pick<TargetSettings, 'tenant' | 'baseUrl'>): string =>
  tenant ?? originOf(baseUrl);

/** Rules of one kind by name, and where each was written first. */
type Named<Rule> = Map<string, Readonly<{ rule: Rule; text: string; path: Path }>>;

type Gathered = {
  readonly guards: Named<CompiledGuard>;
  readonly protections: Named<CompiledProtection>;
  readonly privileged: CompiledPrivileged[];
  readonly targets: string[];
};

type Compiler = Readonly<{ parsed: Parsed; file: MapTree; tools: SafetyTools }>;

/** Takes one rule in, unless the tenant has it already. */
const takeIn = <Rule>(
  known: Named<Rule>,
  given: Readonly<{ name: string }>,
  path: Path,
  { file, tools }: Compiler,
  compile: () => Rule | null,
): void => {
  const text = canonical(given);
  const before = known.get(given.name);
  if (before !== undefined) {
    if (before.text === text) return;
    const spot = printSpot(nearestSpot(file, before.path));
    tools.problem(
      [...path, 'name'],
      `a rule of this name means something else for the same tenant: ${spot}; give one of them another name, or write both alike`,
    );
    return;
  }
  const rule = compile();
  if (rule !== null) known.set(given.name, { rule, text, path });
};

const gather = (
  gathered: Gathered,
  name: string,
  settings: TargetSettings,
  types: Readonly<Record<string, ResourceType>>,
  compiler: Compiler,
): void => {
  const { tools } = compiler;
  const at: Path = ['targets', name];
  gathered.targets.push(name);
  (settings.guards ?? []).forEach((guard, index) => {
    const path = [...at, 'guards', index];
    takeIn(gathered.guards, guard, path, compiler, () => compileGuard(guard, types, path, tools));
  });
  (settings.protected ?? []).forEach((rule, index) => {
    const path = [...at, 'protected', index];
    takeIn(gathered.protections, rule, path, compiler, () =>
      compileProtection(rule, types, path, tools),
    );
  });
  if (settings.privileged !== undefined)
    gathered.privileged.push(
      compilePrivileged(settings.privileged, types, [...at, 'privileged'], tools),
    );
};

const rulesOf = <Rule>(named: Named<Rule>): readonly Rule[] =>
  [...named.values()].map(({ rule }) => rule);

/** By tenant, null prototype; only tenants that have rules. Problems are told at their place. */
export const compileTenants = (
  parsed: Parsed,
  file: MapTree,
  problem: ProblemAt,
): Readonly<Record<string, TenantSafety>> => {
  const tools: SafetyTools = {
    problem,
    view: emptyView,
    resolveName: ruleName,
    near: didYouMean,
    digest: digestOf,
  };
  const byTenant = new Map<string, Gathered>();
  for (const [name, settings] of parsed.targets) {
    const tenant = tenantOf(settings);
    const gathered = byTenant.get(tenant) ?? {
      guards: new Map(),
      protections: new Map(),
      privileged: [],
      targets: [],
    };
    byTenant.set(tenant, gathered);
    gather(gathered, name, settings, typesOf(name, parsed), { parsed, file, tools });
  }
  const out = Object.create(null) as Record<string, TenantSafety>;
  for (const [tenant, { guards, protections, privileged, targets }] of byTenant) {
    if (guards.size + protections.size + privileged.length === 0) continue;
    out[tenant] = tenantSafety({
      tenant,
      guards: rulesOf(guards),
      protections: rulesOf(protections),
      privileged,
      targets,
    });
  }
  return Object.freeze(out);
};
