/**
 * Guards, compiled: which actions they count, over which windows, and which of them need the current
 * resource. Called by config once per snapshot.
 */
import type { Action } from '../identity/operation.ts';
import { verbsTouching, wordOf } from './actions.ts';
import { attributeSet } from './attribute-set.ts';
import type { SettingPath } from './compile-rule.ts';
import type { AttributeSet } from './decision.ts';
import type { Guard, GuardWindow } from './safety.ts';
import type { GuardSettings } from './safety-settings.ts';
import {
  attributeNames,
  compileMutations,
  nameIn,
  type SafetyTools,
  type TypesByWord,
} from './safety-tools.ts';

/** A guard, with what the tenant's quick tests are made of. */
export type CompiledGuard = Readonly<{
  guard: Guard;
  /** Actions it may have to do with. */
  about: ReadonlySet<Action>;
  /** Of these, those for which it must know the current resource. */
  onBefore: ReadonlySet<Action>;
}>;

const memberships: readonly Action[] = [
  'groups:add-member',
  'groups:remove-member',
  'groups:replace-members',
];
const departures: readonly Action[] = ['groups:remove-member', 'groups:replace-members'];

/** Half of the members, where nobody says more. */
const shareByDefault = 0.5;

type Tell = (key: string, message: string) => void;

const windowOf = (
  name: GuardWindow['name'],
  limit: Readonly<{ count?: number | undefined; percent?: number | undefined }>,
  ms: number,
): GuardWindow =>
  Object.freeze({ name, ms, count: limit.count ?? null, share: limit.percent ?? null });

const compileWindows = (settings: GuardSettings, tell: Tell): readonly GuardWindow[] => {
  const { count, percent, slow } = settings;
  const limited = count !== undefined || percent !== undefined;
  if (!limited) {
    if (settings.detect === undefined)
      tell('count', 'write count or percent: how much is too much');
    for (const key of ['in', 'slow'] as const)
      if (settings[key] !== undefined) tell(key, 'a window needs count or percent beside it');
    return [];
  }
  if (settings.in === undefined) {
    tell(count === undefined ? 'percent' : 'count', 'write in: the window it is counted over');
    return [];
  }
  const fast = windowOf('fast', settings, settings.in);
  if (slow === undefined) return [fast];
  if (slow.count === undefined && slow.percent === undefined)
    tell('slow', 'write count or percent: how much is too much');
  if (slow.in <= settings.in) tell('slow', 'the slow window is the longer one');
  return [fast, windowOf('slow', slow, slow.in)];
};

/** Keys that belong to some kinds of `detect` alone. */
const detectKeys = {
  attributes: ['cleared'],
  above: ['emptied', 'replaced'],
  share: ['replaced'],
} as const satisfies Partial<Record<keyof GuardSettings, readonly string[]>>;

const checkKind = (settings: GuardSettings, path: SettingPath, tools: SafetyTools): void => {
  const { detect, actions } = settings;
  const tell: Tell = (key, message) => tools.problem([...path, key], message);
  if (detect === undefined && actions === undefined)
    tools.problem(path, 'write actions: what is counted, or detect: what is looked for');
  if (detect !== undefined && actions !== undefined)
    tell('actions', 'a guard either counts actions or detects something, not both');
  if (detect === 'cleared' && settings.attributes === undefined)
    tell('detect', 'write attributes: those that must not be cleared');
  for (const [key, kinds] of Object.entries(detectKeys) as [
    keyof typeof detectKeys,
    readonly string[],
  ][]) {
    if (settings[key] === undefined || kinds.includes(detect ?? '')) continue;
    tell(key, `only a guard with detect: ${kinds.join(' or ')} has this key`);
  }
};

/** Attributes that must not be cleared, and the actions that could. */
const compileCleared = (
  settings: GuardSettings,
  types: TypesByWord,
  path: SettingPath,
  tools: SafetyTools,
): Readonly<{ set: AttributeSet | null; about: ReadonlySet<Action> }> => {
  if (settings.detect !== 'cleared' || settings.attributes === undefined)
    return { set: null, about: new Set() };
  const about = new Set<Action>();
  const names: string[] = [];
  const schemas: string[] = [];
  settings.attributes.forEach((text, index) => {
    let known = false;
    for (const word of ['users', 'groups']) {
      const type = types[word];
      const name = type === undefined ? null : nameIn(type, text, tools);
      if (type === undefined || name === null) continue;
      known = true;
      names.push(name);
      schemas.push(...Object.keys(type.extensions));
      for (const verb of verbsTouching(word, name)) about.add(`${word}:${verb}`);
    }
    if (known) return;
    const near = tools.near(text, Object.values(types).flatMap(attributeNames));
    tools.problem([...path, 'attributes', index], `there is no such attribute here${near}`);
  });
  return { set: attributeSet({ included: names, excluded: [], schemas }), about };
};

const checkCounting = (settings: GuardSettings, actions: ReadonlySet<Action>, tell: Tell): void => {
  const words = new Set([...actions].map(wordOf));
  const shares = settings.percent !== undefined || settings.slow?.percent !== undefined;
  const ofGroup = settings.detect === 'emptied' || settings.detect === 'replaced';
  if (settings.per === 'group' && !ofGroup && (words.size !== 1 || !words.has('groups')))
    tell('per', 'only changes of groups are counted per group');
  if (!shares) return;
  const key = settings.percent === undefined ? 'slow' : 'percent';
  if (words.size > 1)
    tell(key, 'a percentage is of one population: write a guard for each kind of resource');
  if (settings.per !== 'group' && memberships.some((action) => actions.has(action)))
    tell(key, 'a percentage of members is counted per group: add per: group');
};

/** A guard on members also watches what else makes them leave. */
const aboutActions = (actions: ReadonlySet<Action>): Set<Action> => {
  const about = new Set(actions);
  if (actions.has('groups:remove-member')) {
    about.add('groups:replace-members');
    about.add('groups:delete');
  }
  if (actions.has('groups:add-member')) about.add('groups:replace-members');
  return about;
};

/** Compiles one guard written at `path`. */
export const compileGuard = (
  settings: GuardSettings,
  types: TypesByWord,
  path: SettingPath,
  tools: SafetyTools,
): CompiledGuard => {
  const tell: Tell = (key, message) => tools.problem([...path, key], message);
  checkKind(settings, path, tools);
  const detect = settings.detect ?? null;
  const actions =
    detect === null
      ? compileMutations(settings.actions ?? [], types, [...path, 'actions'], tools)
      : new Set<Action>();
  const cleared = compileCleared(settings, types, path, tools);
  checkCounting(settings, detect === 'cleared' ? cleared.about : actions, tell);
  const guard: Guard = Object.freeze({
    name: settings.name,
    actions,
    detect,
    attributes: cleared.set,
    above: settings.above ?? 0,
    share: settings.share ?? shareByDefault,
    per: settings.per,
    windows: Object.freeze(compileWindows(settings, tell)),
    then: settings.then,
    by: settings.by,
  });
  const about =
    detect === null
      ? aboutActions(actions)
      : detect === 'cleared'
        ? cleared.about
        : new Set(departures);
  return { guard, about, onBefore: onBeforeOf(guard, about) };
};

/** Whose members are counted as a share, or leave without being named, has to be read first. */
const onBeforeOf = (guard: Guard, about: ReadonlySet<Action>): ReadonlySet<Action> => {
  if (guard.detect !== null) return about;
  const byShare = guard.per === 'group' && guard.windows.some(({ share }) => share !== null);
  const counts = memberships.some((action) => guard.actions.has(action));
  if (!counts) return new Set();
  const unnamed: readonly Action[] = ['groups:replace-members', 'groups:delete'];
  return new Set([...about].filter((action) => byShare || unnamed.includes(action)));
};
