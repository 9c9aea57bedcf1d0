/**
 * The knobs of one target, compiled: dialect and overrides together, attribute names in the schema's
 * spelling. A name that no resource of the target has is a problem at its place in the file.
 */
import { rfcKnobs, type Knobs } from '../identity/dialects/knobs.ts';
import { resolveKnobs, targetDialects } from '../identity/dialects/target-table.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import { ruleName } from '../identity/scim/schemas.ts';
import { limit, type LimitSetting } from '../scalars.ts';
import type { TargetSettings } from '../targets/settings.ts';
import type { Path } from './problem.ts';

type Tell = (path: Path, message: string) => void;
type Types = Readonly<Record<string, ResourceType>>;

/** Lists by resource word with each name as its schema spells it. */
const spellLists = (
  lists: Readonly<Record<string, readonly string[]>>,
  types: Types,
  tell: (word: string, index: number, message: string) => void,
): Record<string, string[]> => {
  const out: Record<string, string[]> = {};
  for (const [word, names] of Object.entries(lists)) {
    const type = Object.hasOwn(types, word) ? types[word] : undefined;
    if (type === undefined) {
      tell(word, 0, 'this target serves no such resource');
      continue;
    }
    out[word] = names.flatMap((text, index) => {
      const name = ruleName(type, text);
      if (name === null) tell(word, index, `${type.name} has no attribute of this name`);
      return name === null ? [] : [name];
    });
  }
  return out;
};

const spellDefaults = (
  defaults: Knobs['defaults'],
  types: Types,
  tell: (word: string, name: string, message: string) => void,
): Knobs['defaults'] => {
  const out: Record<string, Record<string, Knobs['defaults'][string][string]>> = {};
  for (const [word, values] of Object.entries(defaults)) {
    const type = Object.hasOwn(types, word) ? types[word] : undefined;
    const spelledValues: (typeof out)[string] = {};
    for (const [text, value] of Object.entries(values)) {
      const name = type === undefined ? null : ruleName(type, text);
      if (name === null || name.endsWith(':')) tell(word, text, 'there is no such attribute');
      else spelledValues[name] = value;
    }
    out[word] = spelledValues;
  }
  return out;
};

const listKnobs = ['single', 'unsupported', 'immutable', 'required', 'filterAttributes'] as const;

/** All knobs of a target. Problems are told at their place under `targets.NAME.knobs`. */
export const compileKnobs = (
  name: string,
  settings: Pick<TargetSettings, 'dialect' | 'knobs'>,
  types: Types,
  tell: Tell,
): Knobs => {
  const dialect = targetDialects[settings.dialect];
  if (dialect === undefined) return rfcKnobs;
  const knobs = resolveKnobs(dialect, settings.knobs ?? {});
  const base = ['targets', name, 'knobs'];
  const lists = Object.fromEntries(
    listKnobs.map((knob) => [
      knob,
      spellLists(knobs[knob], types, (word, index, message) =>
        tell([...base, knob, word, index], message),
      ),
    ]),
  ) as Pick<Knobs, (typeof listKnobs)[number]>;
  const defaults = spellDefaults(knobs.defaults, types, (word, text, message) =>
    tell([...base, 'defaults', word, text], message),
  );
  return Object.freeze({ ...knobs, ...lists, defaults });
};

/** The limit of a target: its own, else the one its dialect's vendor publishes, else none. */
export const limitSetting = (
  { dialect, limits }: Pick<TargetSettings, 'dialect' | 'limits'>,
  kind: 'reads' | 'writes',
): LimitSetting | undefined => {
  const published = targetDialects[dialect]?.limits[kind];
  return limits[kind] ?? (published === undefined ? undefined : limit.parse(published));
};
