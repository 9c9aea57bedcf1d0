/** What all schemes over a template do alike: every valid key against every presented signature. */
import { keysValidAt } from './key-list.ts';
import { compileTemplate, type TemplateOptions } from './message-template.ts';
import type { KeyMaterial, Received, Unverified } from './receiver.ts';
import type { CompiledScheme, Proof } from './scheme.ts';

/** A key of a route, ready to be tried. */
export type TemplateKey = Pick<KeyMaterial, 'id' | 'notBefore' | 'until'> &
  Readonly<{
    /** The signature among these that is of this message, in its one canonical form, or null. */
    match(message: Buffer, signatures: readonly Buffer[]): Buffer | null;
    /** Null where the key can only verify. */
    sign: ((message: Buffer) => Buffer) | null;
  }>;

/** Keys of a scheme, or why one of them is none. */
export type MadeKeys = readonly TemplateKey[] | Readonly<{ problem: string }>;

/** Makes each key of a route one of a scheme; the first that is none ends it, named by its id. */
export const makeKeys = (
  keys: readonly KeyMaterial[],
  make: (text: string) => Pick<TemplateKey, 'match' | 'sign'> | Readonly<{ problem: string }>,
): MadeKeys => {
  const made: TemplateKey[] = [];
  for (const { id, text, notBefore, until } of keys) {
    const one = make(text);
    if ('problem' in one) return { problem: `${id} ${one.problem}` };
    made.push({ id, notBefore, until, ...one });
  }
  return made;
};

/** A compiled scheme that has nothing to wait for. */
export type TemplateScheme = Omit<CompiledScheme, 'check'> &
  Readonly<{ check(received: Received, now: number): Proof | Unverified }>;

/** The scheme over a template with these keys; the first of them signs. */
export const compileTemplateScheme = (
  options: TemplateOptions,
  keys: MadeKeys,
): TemplateScheme | Readonly<{ problem: string }> => {
  const template = compileTemplate(options);
  if ('problem' in template) return template;
  if ('problem' in keys) return keys;
  const { print } = template;
  const sign = keys[0]?.sign ?? null;
  return {
    check: (received, now) => {
      const read = template.read(received);
      if (read.kind === 'refused') return read;
      const valid = keysValidAt(keys, now);
      for (const { time, signatures, messages } of read.groups)
        for (const key of valid)
          for (const message of messages) {
            const signature = key.match(message, signatures);
            if (signature === null) continue;
            return {
              kind: 'proven',
              keyId: key.id,
              signature,
              signedId: read.id,
              signedTime: time,
              contents: null,
            };
          }
      return { kind: 'refused', code: 'signature_invalid', reason: 'no key fits' };
    },
    secretHeaders: [],
    readHeaders: () => template.headers,
    withoutSecret: null,
    sign: print === null || sign === null ? null : (message) => print(message, sign),
  };
};
