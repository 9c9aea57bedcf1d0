/**
 * `lowercase`: Unicode lower case without a locale. Refuses the two letters whose lower case looks
 * like another text: U+0130 (grows by a combining dot) and U+212A KELVIN SIGN (becomes an ASCII k).
 * There is no final-sigma rule, so the lower case of a prefix stays a prefix.
 */
import { textRule } from './normaliser.ts';
import type { Outcome } from './normaliser.ts';

const misleading = /[\u0130\u212a]/;
const notAscii = /[^\u0000-\u007f]/;

const fold = (text: string): Outcome => {
  if (!notAscii.test(text)) return { value: text.toLowerCase() };
  return misleading.test(text)
    ? { problem: 'has a letter whose lower case is another text' }
    : { value: text.replaceAll('\u03a3', '\u03c3').toLowerCase().normalize('NFC') };
};

export const lowercase = textRule({
  name: 'lowercase',
  title: 'writes a text in lower case',
  prefixSafe: true,
  make: () => fold,
});
