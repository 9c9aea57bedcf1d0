/** What grants privilege at a target, compiled. */
import type { Action, AttributeName } from '../identity/operation.ts';
import { mutationsOf, verbsTouching } from './actions.ts';
import type { SettingPath } from './compile-rule.ts';
import { foldedTest } from './patterns.ts';
import type { Privileged } from './safety.ts';
import type { PrivilegedSettings } from './safety-settings.ts';
import { attributeNames, nameIn, type SafetyTools, type TypesByWord } from './safety-tools.ts';
import { touchSet } from './written-names.ts';

/** It, with what the tenant's quick tests are made of. */
export type CompiledPrivileged = Readonly<{
  privileged: Privileged;
  about: ReadonlySet<Action>;
  onBefore: ReadonlySet<Action>;
}>;

/**
 * Compiles `privileged:` written at `path`. Groups by name are judged with what the target tells of them,
 * so their changes need the current group; an empty list means only what the target tells.
 */
export const compilePrivileged = (
  settings: PrivilegedSettings,
  types: TypesByWord,
  path: SettingPath,
  tools: SafetyTools,
): CompiledPrivileged => {
  const { groups, attributes } = settings;
  const type = types['users'];
  const about = new Set<Action>();
  const onBefore = new Set<Action>();
  const names: AttributeName[] = [];
  (attributes ?? []).forEach((text, index) => {
    const name = type === undefined ? null : nameIn(type, text, tools);
    if (type === undefined || name === null) {
      const near = type === undefined ? '' : tools.near(text, attributeNames(type));
      tools.problem([...path, 'attributes', index], `a User has no such attribute here${near}`);
      return;
    }
    names.push(name);
    for (const verb of verbsTouching('users', name)) about.add(`users:${verb}`);
    about.add('users:create');
  });
  if (groups !== undefined) {
    for (const action of mutationsOf('groups')) {
      about.add(action);
      if (action !== 'groups:create') onBefore.add(action);
    }
  }
  return {
    privileged: Object.freeze({
      group: groups === undefined ? null : foldedTest(groups),
      attributes: names.length === 0 ? null : touchSet(names, Object.keys(type?.extensions ?? {})),
    }),
    about,
    onBefore,
  };
};
