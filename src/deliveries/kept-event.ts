/**
 * What a stored event holds inside its seal, and how it is packed: a length, JSON of the headers and
 * the like, then the raw bytes, so that bytes stay bytes. Everything that opens events goes through here.
 */
import type { EventId } from '../ids.ts';
import type { KeyRing, Sealed } from '../sealing.ts';

/** One webhook as it came in, secrets replaced (signatures/receiver.ts `keep`). */
export type KeptEvent = Readonly<{
  method: string;
  url: string;
  path: string;
  query: string;
  headers: Readonly<Record<string, string>>;
  /** The sender's id of the message, where it has one. */
  messageId: string | null;
  body: Buffer;
  /** What a token or cipher in it held; null = the body itself. */
  contents: Buffer | null;
}>;

const contextOf = (id: EventId): string => `event ${id}`;

/** Seals an event under its id. */
export const sealEvent = (keyRing: KeyRing, id: EventId, event: KeptEvent): Sealed => {
  const { body, contents, ...head } = event;
  const json = Buffer.from(
    JSON.stringify({ ...head, body: body.length, contents: contents?.length ?? null }),
    'utf8',
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  const parts = contents === null ? [length, json, body] : [length, json, body, contents];
  return keyRing.seal(Buffer.concat(parts), contextOf(id));
};

type Head = Omit<KeptEvent, 'body' | 'contents'> & { body: number; contents: number | null };

const headOf = (json: string): Head | null => {
  try {
    return JSON.parse(json) as Head;
  } catch {
    return null;
  }
};

/** Opens it; null where no key of the ring fits, a byte was changed or it is packed in another way. */
export const openEvent = (keyRing: KeyRing, id: EventId, sealed: Sealed): KeptEvent | null => {
  const plain = keyRing.open(sealed, contextOf(id));
  if (plain === null || plain.length < 4) return null;
  const bodyAt = 4 + plain.readUInt32BE(0);
  const packed = headOf(plain.toString('utf8', 4, bodyAt));
  if (packed === null) return null;
  const { body, contents, ...head } = packed;
  return {
    ...head,
    body: plain.subarray(bodyAt, bodyAt + body),
    contents: contents === null ? null : plain.subarray(bodyAt + body, bodyAt + body + contents),
  };
};
