/**
 * `country`: ISO 3166-1 alpha-2 in upper case, from alpha-2, alpha-3, numeric codes and names in
 * English, German, French and Spanish. Codes and names that ISO does not know, but forms do, stand in
 * a table of our own. A name that means two countries means none.
 */
import { textRule } from './normaliser.ts';
import type { Outcome } from './normaliser.ts';

/** What forms send beside ISO: the EU's EL and UK, and names of parts of the United Kingdom. */
const overrides: readonly (readonly [string, string])[] = [
  ['uk', 'GB'],
  ['el', 'GR'],
  ['england', 'GB'],
  ['scotland', 'GB'],
  ['wales', 'GB'],
  ['northern ireland', 'GB'],
  ['great britain', 'GB'],
  ['holland', 'NL'],
  ['usa', 'US'],
  ['u.s.', 'US'],
  ['u.s.a.', 'US'],
  ['xk', 'XK'],
  ['xkx', 'XK'],
  ['kosovo', 'XK'],
];

type Names = Readonly<Record<string, string | readonly string[]>>;
let known: ReadonlyMap<string, string> | null = null;

const keyOf = (text: string): string => text.trim().normalize('NFC').toLowerCase();

/** All spellings to alpha-2; null marks a name that two countries share. */
const tabulate = (
  codes: readonly (readonly string[])[],
  languages: readonly Names[],
): ReadonlyMap<string, string> => {
  const table = new Map<string, string | null>();
  for (const names of languages) {
    for (const [alpha2, written] of Object.entries(names)) {
      for (const name of typeof written === 'string' ? [written] : written) {
        const key = keyOf(name);
        const other = table.get(key);
        table.set(key, other === undefined || other === alpha2 ? alpha2 : null);
      }
    }
  }
  // Codes and our own table win over names, so that no name of a language shadows a code.
  for (const [alpha2 = '', alpha3 = '', numeric = ''] of codes) {
    for (const code of [alpha2, alpha3, numeric]) table.set(code.toLowerCase(), alpha2);
  }
  for (const [name, alpha2] of overrides) table.set(name, alpha2);
  table.delete('');
  return new Map([...table].filter((entry): entry is [string, string] => entry[1] !== null));
};

const load = (): Promise<void> => {
  if (known !== null) return Promise.resolve();
  const json = { with: { type: 'json' } } as const;
  return Promise.all([
    import('i18n-iso-countries/codes.json', json),
    import('i18n-iso-countries/langs/en.json', json),
    import('i18n-iso-countries/langs/de.json', json),
    import('i18n-iso-countries/langs/fr.json', json),
    import('i18n-iso-countries/langs/es.json', json),
  ]).then(([codes, ...languages]) => {
    known = tabulate(
      codes.default,
      languages.map((file) => file.default.countries as Names),
    );
  });
};

export const country = textRule({
  name: 'country',
  title: 'a country as ISO 3166-1 alpha-2, from codes and names',
  load,
  make: () => {
    const table = known;
    if (table === null) throw new TypeError('country is used before its data was loaded');
    return (text): Outcome => {
      if (text.length > 100) return { problem: 'is no known country' };
      const key = keyOf(text);
      const alpha2 = table.get(/^[0-9]{1,2}$/.test(key) ? key.padStart(3, '0') : key);
      return alpha2 === undefined ? { problem: 'is no known country' } : { value: alpha2 };
    };
  },
});
