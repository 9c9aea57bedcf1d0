/** Grants as YAML: one line for each key of a rule, values as JSON, which is YAML. */
import type { Written } from './tighter-grants.ts';

/** Texts that YAML reads as texts without quotes. */
const plainText = /^[A-Za-z][A-Za-z0-9_.@-]*$/;
const notTexts: ReadonlySet<string> = new Set(
  'true false null yes no on off y n nan inf'.split(' '),
);

const isObject = (value: unknown): value is Written =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value on one line. */
const inline = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (isObject(value)) {
    const members = Object.entries(value).map(([key, one]) => `${inline(key)}: ${inline(one)}`);
    return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
  }
  if (typeof value !== 'string') return JSON.stringify(value);
  return plainText.test(value) && !notTexts.has(value.toLowerCase())
    ? value
    : JSON.stringify(value);
};

const grantLines = (grant: Written): readonly string[] =>
  Object.entries(grant).flatMap(([key, value], index) => {
    const lead = index === 0 ? '      - ' : '        ';
    if (!isObject(value) || !Array.isArray(value['actions'])) {
      return [`${lead}${inline(key)}: ${inline(value)}`];
    }
    const parts = Object.entries(value).map(
      ([name, one]) => `          ${inline(name)}: ${inline(one)}`,
    );
    return [`${lead}${inline(key)}:`, ...parts];
  });

/** The grants of routes, as they stand in a route file below `routes:`. */
export const printGrants = (
  routes: readonly Readonly<{ name: string; grants: readonly Written[] }>[],
): readonly string[] => [
  'routes:',
  ...routes.flatMap(({ name, grants }) => [
    `  ${inline(name)}:`,
    ...(grants.length === 0 ? ['    grants: []'] : ['    grants:', ...grants.flatMap(grantLines)]),
  ]),
];
