/**
 * As much of protobuf as OTLP needs. Parts that come again and again are built as strings of one
 * character per byte (concatenation, the length known when it is wrapped) and kept as bytes; messages
 * are assembled from them by a Writer, which grows and never allocates per field.
 */

const byte = String.fromCharCode;

/** A varint; `value` is a whole number from 0 to 2^53. */
export const varint = (value: number): string => {
  let printed = '';
  let left = value;
  while (left >= 0x80) {
    printed += byte((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  return printed + byte(left);
};

/** A varint of an int64: a negative one is the two's complement, ten bytes long. */
export const signedVarint = (value: number): string => {
  if (value >= 0) return varint(value);
  let printed = '';
  let left = BigInt.asUintN(64, BigInt(value));
  for (; left >= 0x80n; left >>= 7n) printed += byte(Number(left & 0x7fn) | 0x80);
  return printed + byte(Number(left));
};

/** Wire types of protobuf. */
export const wire = Object.freeze({ varint: 0, fixed64: 1, delimited: 2, fixed32: 5 });

/** The tag of a field. */
export const tagOf = (field: number, type: keyof typeof wire): string =>
  varint(field * 8 + wire[type]);

/** A length-delimited field. */
export const delimited = (field: number, content: string): string =>
  tagOf(field, 'delimited') + varint(content.length) + content;

/** The UTF-8 bytes of a text. */
export const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** A double, little-endian. */
export const double = (value: number): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes.toString('latin1');
};

/** String form to bytes. */
export const bytesOf = (printed: string): Uint8Array => Buffer.from(printed, 'latin1');

/** Bytes being written; `at` is the length so far. */
export type Writer = { bytes: Uint8Array; at: number };

/** A writer with room for `size` bytes to begin with. */
export const makeWriter = (size: number): Writer => ({ bytes: new Uint8Array(size), at: 0 });

const makeRoom = (writer: Writer, more: number): void => {
  const wanted = writer.at + more;
  if (wanted <= writer.bytes.length) return;
  const grown = new Uint8Array(Math.max(wanted, writer.bytes.length * 2));
  grown.set(writer.bytes.subarray(0, writer.at));
  writer.bytes = grown;
};

/** Writes bytes. A loop: `set` costs more than it saves on parts of some forty bytes. */
export const writeBytes = (writer: Writer, part: Uint8Array): void => {
  makeRoom(writer, part.length);
  const { bytes, at } = writer;
  for (let index = 0; index < part.length; index += 1) bytes[at + index] = part[index] as number;
  writer.at = at + part.length;
};

/** Writes a number below 128: a tag, a kind, a length. */
export const writeByte = (writer: Writer, value: number): void => {
  makeRoom(writer, 1);
  writer.bytes[writer.at] = value;
  writer.at += 1;
};

const nibble = (code: number): number => (code < 0x40 ? code - 0x30 : (code | 0x20) - 0x57);

/** Writes the bytes of hex digits, with their length before them. */
export const writeHex = (writer: Writer, digits: string): void => {
  const length = digits.length >>> 1;
  makeRoom(writer, length + 1);
  const { bytes, at } = writer;
  bytes[at] = length;
  for (let index = 0; index < length; index += 1) {
    const high = nibble(digits.charCodeAt(index * 2));
    bytes[at + 1 + index] = (high << 4) | nibble(digits.charCodeAt(index * 2 + 1));
  }
  writer.at = at + 1 + length;
};

/** Writes four bytes, little-endian. */
export const writeFixed32 = (writer: Writer, value: number): void => {
  makeRoom(writer, 4);
  const { bytes, at } = writer;
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
  writer.at = at + 4;
};

const twoTo32 = 0x1_0000_0000;

/** Writes seconds and nanoseconds as one fixed64 of nanoseconds, exact beyond 2^53. */
export const writeNanos = (writer: Writer, time: readonly [number, number]): void => {
  const [seconds, nanoseconds] = time;
  // seconds = h * 2^16 + l, so that no product leaves the exact range of a double.
  const high = Math.floor(seconds / 0x1_0000) * 1e9;
  const low = (high % 0x1_0000) * 0x1_0000 + (seconds % 0x1_0000) * 1e9 + nanoseconds;
  writeFixed32(writer, low % twoTo32);
  writeFixed32(writer, Math.floor(high / 0x1_0000) + Math.floor(low / twoTo32));
};

/** Bytes kept for the length of a message that is being written. */
const lengthBytes = 2;
const lengthsMax = 0x4000;

/** Begins a message after its tag; give the answer to `endMessage`. */
export const beginMessage = (writer: Writer): number => {
  makeRoom(writer, lengthBytes);
  writer.at += lengthBytes;
  return writer.at;
};

/** Writes the length of the message that began at `start` before it. */
export const endMessage = (writer: Writer, start: number): void => {
  const length = writer.at - start;
  if (length < lengthsMax) {
    // Two bytes even where one would do: a varint may be longer than it must.
    writer.bytes[start - 2] = (length & 0x7f) | 0x80;
    writer.bytes[start - 1] = length >>> 7;
    return;
  }
  const printed = bytesOf(varint(length));
  const more = printed.length - lengthBytes;
  makeRoom(writer, more);
  writer.bytes.copyWithin(start + more, start, writer.at);
  writer.bytes.set(printed, start - lengthBytes);
  writer.at += more;
};
