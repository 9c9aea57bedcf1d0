/**
 * `only` and `except` of groups: patterns of displayName in which `*` stands for any run of
 * characters. Both lists err towards refusal: `only` compares as written, `except` ignores case and
 * compatibility forms (fold-key.ts), as the patterns of safety rules do, which err towards protection.
 * No regular expression is made, so no name makes it slow.
 */
import { foldKey } from './fold-key.ts';

/** Judges one displayName. */
export type NameTest = (displayName: string) => boolean;

/** Compiles one pattern; linear in the length of the name for each `*`. */
export const namePatternTest = (pattern: string): NameTest => partsTest(pattern.split('*'));

/** What stands between the `*` of a pattern, in order. */
const partsTest = (parts: readonly string[]): NameTest => {
  const first = parts[0] as string;
  if (parts.length === 1) return (name) => name === first;
  const last = parts.at(-1) as string;
  const middle = parts.slice(1, -1).filter((part) => part !== '');
  return (name) => {
    if (name.length < first.length + last.length) return false;
    if (!name.startsWith(first) || !name.endsWith(last)) return false;
    const end = name.length - last.length;
    let at = first.length;
    for (const part of middle) {
      const found = name.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
};

/** A group is inside if some `only` pattern (where given) and no `except` pattern matches; null = all. */
export const groupTest = (
  lists: Readonly<{
    only?: readonly string[] | undefined;
    except?: readonly string[] | undefined;
  }>,
): NameTest | null => {
  if (lists.only === undefined && lists.except === undefined) return null;
  const only = lists.only?.map((text) => namePatternTest(text.normalize('NFC'))) ?? null;
  const except = lists.except === undefined ? null : foldedTest(lists.except);
  return (displayName) => {
    const written = displayName.normalize('NFC');
    if (only !== null && !only.some((test) => test(written))) return false;
    return except === null || !except(displayName);
  };
};

/** True of what some pattern matches, in any letter case and compatibility form, outer spaces aside. */
export const foldedTest = (patterns: readonly string[]): NameTest => {
  // Folded part by part: a full-width asterisk of a pattern is no wildcard.
  const tests = patterns.map((pattern) => partsTest(pattern.trim().split('*').map(foldKey)));
  return (text) => {
    const key = foldKey(text).trim();
    return tests.some((test) => test(key));
  };
};
