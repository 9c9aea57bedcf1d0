/**
 * Plans of a snapshot. A step changes one resource through a SCIM route, as a client that only plans
 * act as; what it names must be there: the route, the type, the attributes.
 */
import { isRefusal } from '../errors.ts';
import type { PlanSettings, StepSettings } from '../deliveries/settings.ts';
import { parsePath, printPath as printAttribute } from '../identity/scim/path.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import { attributeName, lookUp, resolveName } from '../identity/scim/schemas.ts';
import type { Plan, PlanStep } from '../snapshot.ts';
import { compileAt } from './compile-deliver.ts';
import { typesOf, type ProblemAt } from './compile-routes.ts';
import type { Parsed } from './parse-sections.ts';
import type { Path } from './problem.ts';

type Pairs = PlanStep['find'];
/** Canonical spelling of an attribute path, or what is wrong with it. */
type Spell = (text: string) => Readonly<{ path: string }> | Readonly<{ problem: string }>;

/** Actions whose wish holds already where nobody is found. */
const wishHolds: ReadonlySet<string> = new Set(['deactivate', 'delete', 'remove-member']);

const findable =
  (type: ResourceType): Spell =>
  (text) => {
    const path = resolveName(type, text);
    if (path === null)
      return { problem: 'there is no such attribute; write a path such as emails.value' };
    return lookUp(type, path)?.sub === undefined
      ? { path: attributeName(path) }
      : { problem: 'this attribute has parts: name one, such as emails.value' };
  };

const settable =
  (type: ResourceType): Spell =>
  (text) => {
    const path = parsePath(text, type);
    if (isRefusal(path)) return { problem: path.detail };
    return lookUp(type, path)?.mutability === 'readOnly'
      ? { problem: 'the target gives this attribute: it cannot be set' }
      : { path: printAttribute(path) };
  };

const pairsOf = (
  written: Readonly<Record<string, string>> | undefined,
  spell: Spell | null,
  at: Path,
  problem: ProblemAt,
): Pairs => {
  const out: Pairs[number][] = [];
  const seen = new Set<string>();
  for (const [text, source] of Object.entries(written ?? {})) {
    const place = [...at, text];
    const value = compileAt(source, null, place, problem);
    const spelled = spell === null ? { path: text } : spell(text);
    if ('problem' in spelled) problem(place, spelled.problem);
    else if (seen.has(spelled.path)) problem(place, 'this attribute is named twice');
    else if (value !== null) out.push({ path: spelled.path, value });
    if ('path' in spelled) seen.add(spelled.path);
  }
  return out;
};

/** The type a step works on; null where its route or type has a problem. */
const typeOf = (
  step: StepSettings,
  parsed: Parsed,
  at: Path,
  problem: ProblemAt,
): ResourceType | null => {
  if (parsed.webhooks.has(step.route)) {
    problem(
      [...at, 'route'],
      'this route takes webhooks; a step goes through one that serves SCIM',
    );
    return null;
  }
  const route = parsed.routes.get(step.route);
  if (route === undefined) return null;
  const types = typesOf(route.scim, parsed);
  if (Object.hasOwn(types, step.type)) return types[step.type] ?? null;
  problem([...at, 'type'], 'this route has no such resource');
  return null;
};

const compileStep = (
  step: StepSettings,
  at: Path,
  parsed: Parsed,
  problem: ProblemAt,
): PlanStep => {
  const type = typeOf(step, parsed, at, problem);
  return Object.freeze({
    name: step.name,
    route: step.route,
    type: step.type,
    find: pairsOf(step.find, type && findable(type), [...at, 'find'], problem),
    do: step.do,
    set: pairsOf(step.set, type && settable(type), [...at, 'set'], problem),
    group: compileAt(step.group, null, [...at, 'group'], problem),
    when: compileAt(step.when, 'bool', [...at, 'when'], problem),
    verify: step.verify,
    absent: step.absent ?? (wishHolds.has(step.do) ? 'skip' : 'fail'),
  });
};

const compilePlan = (
  name: string,
  settings: PlanSettings,
  parsed: Parsed,
  problem: ProblemAt,
): Plan => {
  const client = parsed.clients.get(settings.as);
  if (client !== undefined && !client.auth.includes('internal'))
    problem(['plans', name, 'as'], 'a plan acts as a client with `auth: internal`; this one calls');
  return Object.freeze({
    name,
    as: settings.as,
    deadlineMs: settings.deadline,
    steps: settings.steps.map((step, index) =>
      compileStep(step, ['plans', name, 'steps', index], parsed, problem),
    ),
  });
};

/** Every plan that parsed, by name. */
export const compilePlans = (
  parsed: Parsed,
  problem: ProblemAt,
): readonly (readonly [string, Plan])[] =>
  [...parsed.plans].map(([name, settings]) => [name, compilePlan(name, settings, parsed, problem)]);
