/**
 * The answers of handshakes, printed whole. What a sender gave is only ever echoed out of a small
 * alphabet, so that no answer can be read as a page, a script or a second answer.
 */
import type { Greeting } from '../receiver.ts';

/** Longest text that is echoed, characters of ASCII. */
export const echoLengthMax = 4_096;
/** Longest body in which a challenge is looked for, bytes; ordinary messages may be longer. */
export const challengeBytesMax = 16_384;

/** What challenges and tokens are written in: base64 of both kinds, hex, UUIDs, times. */
const safe = /^[A-Za-z0-9._~+/=:-]+$/;

/** Whether a challenge may be given back as it is. */
export const isSafeEcho = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= echoLengthMax && safe.test(value);

/** 200 with JSON. */
export const greetJson = (name: string, body: Readonly<Record<string, unknown>>): Greeting => ({
  status: 200,
  contentType: 'application/json',
  body: JSON.stringify(body),
  confirm: null,
  name,
});

/** 200 without a body. */
export const greetEmpty = (name: string, confirm: string | null = null): Greeting => ({
  status: 200,
  contentType: null,
  body: null,
  confirm,
  name,
});

/** 400 without a body: a challenge that is none, or is not safe to answer. */
export const greetMalformed = (name: string): Greeting => ({
  status: 400,
  contentType: null,
  body: null,
  confirm: null,
  name,
});
