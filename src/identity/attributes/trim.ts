/** `trim`: no white space around a text (what Unicode and ECMAScript call white space). */
import { textRule } from './normaliser.ts';

export const trim = textRule({
  name: 'trim',
  title: 'removes white space around a text',
  make: () => (text) => ({ value: text.trim() }),
});
