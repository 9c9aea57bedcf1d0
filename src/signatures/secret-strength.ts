/**
 * Secrets that are none: empty, placeholders, references that nobody resolved. A route with one of
 * them would look guarded and be open to whoever reads an example, so it does not compile.
 */

const placeholders: ReadonlySet<string> = new Set(
  [
    'changeme changeit change changethis replaceme replacethis secret mysecretkey thesecret yoursecret',
    'yoursecrethere secrethere secretkey supersecret topsecret webhooksecret yourwebhooksecret',
    'signingsecret yoursigningsecret password passwd passw0rd letmein admin token yourtoken apikey',
    'yourapikey key yourkey test testing testsecret testtest example examplesecret placeholder dummy',
    'todo tbd fixme none null nil undefined nan empty default unknown xxx xxxx xxxxxxxx foo bar foobar',
    'object object[object] whsec whsecchangeme whsecsecret 12345678 123456789 1234567890 00000000',
  ].flatMap((line) => line.split(' ')),
);
const unresolved =
  /\$\{[^}]*\}|\$\([^)]*\)|\{\{.*\}\}|^\$[A-Z_][A-Z0-9_]*$|^<.*>$|^%[A-Za-z_]+%$|^(?:env|file|vault|awssm|gcpsm):|^op:\/\//i;

/** Why this text cannot be a secret, or null. Never quotes it. */
export const weakness = (text: string): string | null => {
  if (text.trim() === '') return 'is empty';
  if (unresolved.test(text.trim())) return 'is a reference that was not resolved';
  const plain = text
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_.-]/g, '');
  if (plain === '' || placeholders.has(plain) || /^(.)\1*$/.test(plain)) return 'is a placeholder';
  return null;
};
