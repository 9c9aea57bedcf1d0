/** `drop-empty`: an empty text means that the attribute is absent (in a PATCH: that it is cleared). */
import { textRule } from './normaliser.ts';

export const dropEmpty = textRule({
  name: 'drop-empty',
  title: 'takes an empty text for an absent attribute',
  make: () => (text) => ({ value: text === '' ? undefined : text }),
});
