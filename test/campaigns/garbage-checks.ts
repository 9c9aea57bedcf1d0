/** Sends bytes over a socket of their own, reads the answers, and says what is wrong with them. */
import { connect } from 'node:net';
import type { Garbage } from './garbage-requests.ts';

export type RawAnswer = Readonly<{
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
}>;

/** What came back; `hung` = the connection was still open at the deadline. */
export type Exchanged = Readonly<{
  answers: readonly RawAnswer[] | null;
  hung: boolean;
  text: string;
}>;

const deadlineMs = 8_000;

/** Splits a byte stream into HTTP answers; null where it is none. Interim answers are left out. */
export const readAnswers = (bytes: Buffer, head: boolean): readonly RawAnswer[] | null => {
  const answers: RawAnswer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n\r\n', at);
    if (end < 0) return null;
    const [first = '', ...lines] = bytes.subarray(at, end).toString('latin1').split('\r\n');
    const match = /^HTTP\/1\.[01] ([1-5][0-9]{2}) /.exec(`${first} `);
    if (match === null) return null;
    const headers: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const status = Number(match[1]);
    at = end + 4;
    if (status < 200) continue;
    const length = head || status === 204 || status === 304 ? 0 : bodyLength(bytes, at, headers);
    if (length === null || at + length > bytes.length) return null;
    answers.push({ status, headers, body: bytes.subarray(at, at + length).toString('utf8') });
    at += length;
  }
  return answers;
};

/** By content-length; without one (chunked, or none at all) the rest belongs to it. */
const bodyLength = (
  bytes: Buffer,
  at: number,
  headers: Readonly<Record<string, string>>,
): number | null => {
  const stated = headers['content-length'];
  if (stated === undefined) return bytes.length - at;
  return /^[0-9]{1,9}$/.test(stated) ? Number(stated) : null;
};

/**
 * Sends all and reads until every request is answered or the other side ends. Of what is not
 * well-formed it says that no more comes: half a request would wait for its rest.
 */
export const exchange = (port: number, garbage: Garbage): Promise<Exchanged> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1' });
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      socket.destroy();
    }, deadlineMs);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (!garbage.parsable) return;
      const answers = readAnswers(Buffer.concat(chunks), garbage.head);
      if (answers !== null && answers.length >= garbage.requests) socket.end();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      const all = Buffer.concat(chunks);
      const answers = readAnswers(all, garbage.head);
      resolve({ answers, hung, text: all.toString('latin1') });
    });
    if (garbage.parsable) socket.write(garbage.bytes);
    else socket.end(garbage.bytes);
  });

const traces =
  /node:internal|node_modules|\.ts:[0-9]|\.m?js:[0-9]|\bat (?:async )?[\w.<>]+ \(|\/src\/|Error:/;

/** The code of an answer, wherever its body holds it. */
export const codeOf = ({ body }: RawAnswer): string | null => {
  try {
    const parsed = JSON.parse(body) as Record<string, unknown>;
    const scim = parsed['urn:sallyport:error'] as Record<string, unknown> | undefined;
    const code = scim?.['code'] ?? parsed['code'];
    return typeof code === 'string' ? code : null;
  } catch {
    return null;
  }
};

export type Expectations = Readonly<{
  garbage: Garbage;
  /** Every answer of the data listener carries our ids; of the admin listener only its refusals. */
  ids: boolean;
  secrets: readonly string[];
  codes: ReadonlySet<string>;
}>;

/** What is wrong with what came back; empty = nothing. */
export const faultsOf = (
  { answers, hung, text }: Exchanged,
  expected: Expectations,
): readonly string[] => {
  const { garbage, ids, secrets, codes } = expected;
  const faults: string[] = [];
  if (hung) faults.push('the connection stayed open');
  if (traces.test(text)) faults.push('an answer shows a stack trace or a path');
  if (secrets.some((secret) => text.includes(secret)))
    faults.push('an answer shows a secret or an address');
  if (answers === null) return [...faults, 'what came back is no HTTP'];
  if (garbage.parsable && answers.length === 0) faults.push('no answer to a well-formed request');
  for (const answer of answers) {
    const code = codeOf(answer);
    const { status, headers } = answer;
    if (status >= 400 && !garbage.head && (code === null || !codes.has(code))) {
      faults.push(`${status} without a code`);
    }
    if (code === 'internal') faults.push('internal');
    const wantsId = garbage.parsable && (ids || status >= 400);
    if ((wantsId || (ids && status < 400)) && headers['x-request-id'] === undefined) {
      faults.push(`${status} without x-request-id`);
    }
  }
  return faults;
};
