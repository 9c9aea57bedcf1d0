/**
 * `only` and `except` of groups: patterns of displayName in which `*` stands for any run of
 * characters. Both lists err towards refusal: `only` compares as written, `except` ignores case and
 * compatibility forms. No regular expression is made, so no name makes it slow.
 */

/** Judges one displayName. */
export type NameTest = (displayName: string) => boolean;

/** Compiles one pattern; linear in the length of the name for each `*`. */
export const namePatternTest = (pattern: string): NameTest => {
  const parts = pattern.split('*');
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
  const except = (lists.except ?? []).map((text) => namePatternTest(folded(text)));
  return (displayName) => {
    const written = displayName.normalize('NFC');
    if (only !== null && !only.some((test) => test(written))) return false;
    if (except.length === 0) return true;
    const name = folded(displayName);
    return !except.some((test) => test(name));
  };
};

const folded = (text: string): string => text.normalize('NFKC').toLowerCase().trim();
