/**
 * `phone`: E.164 (`+14155552671`). Where there is an extension, the RFC 3966 form that carries it
 * (`tel:+14155552671;ext=12`). A number without a country is never guessed; letters are refused
 * before parsing, because `1-800-FLOWERS` would become a different number. A number of a possible
 * length that no plan assigns (`+1 555 123 4567`) is accepted: plans change faster than their data.
 */
import type { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { z } from 'zod';
import type { Json } from '../json-value.ts';
import type { MakeContext, Normalise, Normaliser, Outcome, Variables } from './normaliser.ts';

const phoneOptions = z
  .strictObject({
    country: z
      .string()
      .min(1)
      .max(2_000)
      .describe('country of numbers without one: two letters, or CEL over `after`')
      .optional(),
  })
  .default({});
type Options = z.output<typeof phoneOptions>;

type Library = Readonly<{
  parse: typeof parsePhoneNumberFromString;
  countries: ReadonlySet<string>;
}>;
let library: Library | null = null;

const load = (): Promise<void> =>
  library === null
    ? import('libphonenumber-js/min').then(
        ({ getCountries, parsePhoneNumberFromString: parse }) => {
          library = { parse, countries: new Set<string>(getCountries()) };
        },
      )
    : Promise.resolve();

const lengthMax = 64;
/** The end of a number that names an extension, in the spellings people use. */
const extensionAtEnd = /(?:;ext=|[ ,;.]*(?:extension|ext\.?|x|#)[ :.]*)([0-9]{1,11})$/i;

type Parts = Readonly<{ number: string; extension: string }>;

const split = (text: string): Parts => {
  const plain = text.normalize('NFKC').trim().replace(/^tel:/i, '');
  const match = extensionAtEnd.exec(plain);
  return match === null
    ? { number: plain, extension: '' }
    : { number: plain.slice(0, match.index), extension: match[1] as string };
};

const canonical = (text: string, country: string | null, { parse }: Library): Outcome => {
  if (text.length > lengthMax) return { problem: 'is too long for a phone number' };
  const { number, extension } = split(text);
  if (/\p{L}/u.test(number)) return { problem: 'has letters in a phone number' };
  const international = number.startsWith('+');
  if (!international && country === null) {
    return { problem: 'needs a country: write the number with + and the country code' };
  }
  const parsed = parse(number, {
    extract: false,
    ...(country === null ? {} : { defaultCountry: country as 'US' }),
  });
  if (parsed === undefined || !parsed.isPossible()) return { problem: 'is no possible number' };
  return { value: extension === '' ? parsed.number : `tel:${parsed.number};ext=${extension}` };
};

/** Two letters stand for themselves; everything else is CEL. */
const literalCountry = /^[A-Za-z]{2}$/;

export const phone: Normaliser<Options> = Object.freeze({
  name: 'phone',
  title: 'a phone number as E.164, with an extension as tel: URI',
  options: phoneOptions,
  bare: true,
  idempotent: true,
  appliesTo: 'string',
  prefixSafe: false,
  fills: false,
  otherwise: 'refuse',
  load,
  make: ({ country }: Options, context: MakeContext): Normalise => {
    const loaded = library;
    if (loaded === null) throw new TypeError('phone is used before its data was loaded');
    const known = (written: unknown): string | null => {
      const upper = typeof written === 'string' ? written.toUpperCase() : '';
      return loaded.countries.has(upper) ? upper : null;
    };
    let countryOf: (variables: Variables) => string | null = () => null;
    if (country !== undefined && literalCountry.test(country)) {
      const fixed = known(country);
      if (fixed === null) context.problem('no phone numbers are known for that country');
      countryOf = () => fixed;
    } else if (country !== undefined) {
      const expression = context.expression(country);
      countryOf = (variables) => {
        const result = expression?.evaluate(variables());
        return result !== undefined && 'value' in result ? known(result.value) : null;
      };
    }
    return (value: Json, variables: Variables): Outcome => {
      if (typeof value !== 'string') return { value };
      const needsCountry = !/^\s*(?:tel:)?\+/i.test(value);
      return canonical(value, needsCountry ? countryOf(variables) : null, loaded);
    };
  },
});
