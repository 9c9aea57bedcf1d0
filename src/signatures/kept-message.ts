/**
 * Messages as they are kept: no secret in them, but the id of the key that matched in its place, and
 * only the headers that somebody will read. They are proven again by that id; the seal they lie under
 * vouches that nobody wrote it there.
 */
import { keptMark, markOf } from './kept-mark.ts';
import type { KeyFetcher, Received, Unverified } from './receiver.ts';
import type { ReceiverParts } from './receiver-parts.ts';
import type { CompiledScheme, Proof } from './scheme.ts';
import type { Sender } from './sender.ts';

/** What CloudEvents say of theirs in headers (binary mode). */
const cloudEvent = ['id', 'type', 'source', 'subject', 'time'].map((name) => `ce-${name}`);
/** And what a body is. */
const alwaysKept = ['content-type', 'content-encoding', ...cloudEvent];

/** Headers that say what a message of this sender means. */
export const meaningHeaders = ({ keeps = [] }: Pick<Sender, 'keeps'>): readonly string[] => [
  ...cloudEvent,
  ...keeps,
];

/** Headers that are kept of every message of a route. */
const namesOf = ({ sender, compiled }: ReceiverParts): readonly string[] => {
  const places = [sender.id?.at, sender.time?.at, sender.sequence, sender.retry];
  return [
    ...alwaysKept,
    ...places.flatMap((at) =>
      at !== undefined && at !== null && 'header' in at ? [at.header] : [],
    ),
    ...(sender.keeps ?? []),
    ...compiled.secretHeaders,
  ];
};

/** Compiles what makes the headers of a kept message; null prototype. */
export const keptHeaders = (
  parts: ReceiverParts,
): ((received: Received, keyId: string) => Readonly<Record<string, string>>) => {
  const { compiled } = parts;
  const secret = new Set(compiled.secretHeaders);
  const always = new Set(namesOf(parts));
  return (received, keyId) => {
    const kept: Record<string, string> = Object.create(null) as Record<string, string>;
    const keep = (name: string): void => {
      const value = received.headers[name];
      if (value !== undefined) kept[name] = secret.has(name) ? markOf(keyId) : value;
    };
    always.forEach(keep);
    compiled.readHeaders?.(received).forEach(keep);
    return kept;
  };
};

/** The check of messages whose secrets were replaced: by the ids in their places. */
export const checkKept = (parts: ReceiverParts, fetcher: KeyFetcher): CompiledScheme['check'] => {
  const { compiled, scheme, options, keys, toleranceMs } = parts;
  const ofMarks =
    compiled.withoutSecret === null
      ? null
      : scheme.compile(options, {
          keys: keys.map((key) => ({ ...key, text: markOf(key.id) })),
          fetcher,
          toleranceMs,
        });
  const { check } = ofMarks === null || 'problem' in ofMarks ? compiled : ofMarks;
  const marked = check !== compiled.check;
  const byMark = (proof: Proof | Unverified): Proof | Unverified =>
    marked && proof.kind === 'proven' ? { ...proof, keyId: `kept:${proof.keyId}` } : proof;
  return (received, at) => {
    const mark = compiled.secretHeaders
      .map((name) => received.headers[name] ?? null)
      .find((value) => value?.startsWith(keptMark) === true);
    if (mark === undefined || mark === null) {
      const proven = check(received, at);
      return proven instanceof Promise ? proven.then(byMark) : byMark(proven);
    }
    const id = mark.slice(keptMark.length);
    const known = keys.some((key) => key.id === id && key.notBefore <= at && at < key.until);
    if (!known && scheme.keys !== 'fetched')
      return { kind: 'refused', code: 'signature_invalid', reason: 'not a key of the route' };
    return {
      kind: 'proven',
      keyId: `kept:${id}`,
      signature: null,
      signedId: null,
      signedTime: null,
      contents: null,
    };
  };
};
