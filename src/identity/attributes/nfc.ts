/**
 * `nfc`: Unicode normal form C, so that a name typed on a Mac (NFD) is the same name. Never NFKC,
 * which changes data (`ﬁ`, `Ⅷ`).
 */
import { textRule } from './normaliser.ts';

/** Below U+0300 nothing combines, so every such text is in form C already (UAX #15). */
const mayCombine = /[^\u0000-\u02ff]/;

export const nfc = textRule({
  name: 'nfc',
  title: 'composes letters and their marks (Unicode normal form C)',
  prefixSafe: true,
  make: () => (text) => ({ value: mayCombine.test(text) ? text.normalize('NFC') : text }),
});
