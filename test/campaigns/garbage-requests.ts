/**
 * Garbage for the listeners, as bytes: noise, broken HTTP, well-formed HTTP that means harm, and SCIM
 * bodies bent out of shape. Each says whether an HTTP server must be able to read it.
 */
import type { Chance } from './random.ts';

export type Garbage = Readonly<{
  bytes: Buffer;
  /** Well-formed HTTP: it must be answered, coded and with our ids. */
  parsable: boolean;
  /** Answers to wait for at most. */
  requests: number;
  /** The answer to a HEAD has no body. */
  head: boolean;
}>;

export type GarbageContext = Readonly<{ host: string; base: string; key: string }>;

const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';

const noise = (chance: Chance, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => chance.below(256)));

type Parts = {
  method: string;
  target: string;
  version: string;
  headers: [string, string][];
  body: Buffer;
};

const print = ({ method, target, version, headers, body }: Parts): Buffer =>
  Buffer.concat([
    Buffer.from(
      `${method} ${target} ${version}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
      'latin1',
    ),
    body,
  ]);

const validBodies: readonly ((chance: Chance) => string)[] = [
  (chance) =>
    `{"schemas":["${patchUrn}"],"Operations":[{"op":"replace","path":"title","value":"w${chance.below(99)}"}]}`,
  (chance) =>
    `{"schemas":["${patchUrn}"],"Operations":[{"op":"add","path":"emails[type eq \\"work\\"].value","value":"w${chance.below(9)}@example.com"}]}`,
  (chance) =>
    `{"schemas":["${userUrn}"],"userName":"g${chance.below(5_000)}@example.com","active":true,"emails":[{"value":"a@example.com","type":"work"}]}`,
];

const hostileTexts = [
  '"__proto__":{"admin":true},',
  '"constructor":{"prototype":{"x":1}},',
  '"userName":"one","userName":"two",',
  '"USERNAME":"one","userName":"two",',
  '"user\\u004eame":"escaped",',
  '"\\ud800":"lone surrogate",',
  '"a":"\\u0000\\u202e\\ufeff",',
  '"n":1e400,',
  '"n":-0,"m":123456789012345678901234567890,',
  '"refused":"action_denied","detail":"forged",',
  '"toString":1,"valueOf":2,"hasOwnProperty":3,',
  '"schemas":null,',
  '"then":{"then":1},',
];

const deep = (chance: Chance): string => {
  const levels = chance.pick([10, 63, 64, 65, 100, 1_000, 20_000]);
  const [open, close] = chance.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const);
  return `${open.repeat(levels)}1${close.repeat(levels)}`;
};

/** A body that was valid, with something done to it. */
const bentBody = (chance: Chance): Buffer => {
  const text = chance.pick(validBodies)(chance);
  const at = chance.below(text.length);
  return chance.pick<() => Buffer>([
    () => Buffer.from(text),
    () => Buffer.from(`{${chance.pick(hostileTexts)}${text.slice(1)}`),
    () => Buffer.from(text.replace(/"value":"[^"]*"/, `"value":${deep(chance)}`)),
    () => Buffer.from(deep(chance)),
    () => Buffer.from(text.slice(0, at)),
    () =>
      Buffer.concat([
        Buffer.from(text.slice(0, at)),
        noise(chance, 4),
        Buffer.from(text.slice(at)),
      ]),
    () => Buffer.from(`\ufeff${text}`),
    () => Buffer.from(`${text}${text}`),
    () => Buffer.from(text.replaceAll('"', "'")),
    () => Buffer.from(text.replace('title', `title${'.x'.repeat(chance.below(400))}`)),
    () => Buffer.from(text.replace('title', 'emails[(((((not (value pr) and')),
    () =>
      Buffer.from(
        text.replace('"replace"', chance.pick(['null', '"REMOVE"', '7', '{}', '"\\u0000"'])),
      ),
    () => Buffer.from(text.replace('[{', `[${'{},'.repeat(chance.below(1_500))}{`)),
    () => Buffer.from(text, 'utf16le'),
    () => Buffer.alloc(chance.pick([1, 70_000]), 0x20),
  ])();
};

const paths = [
  '/Users',
  '/Users/u1',
  '/Users/nobody',
  '/users/u1',
  '/Users/%75%31',
  '/Users/u1%2f..%2fu2',
  '/Users/../Users/u1',
  '/Users//u1',
  '/Users/u1;x=1',
  '/Users/%00',
  '/Users/%c0%ae',
  '/Users/%',
  '/Users/me',
  '/Me',
  '/Bulk',
  '/Users/.search',
  '/ServiceProviderConfig',
  '/Schemas/__proto__',
  '/ResourceTypes/User',
  '/__proto__',
  '/constructor/x',
  '/Users/u1/',
  '',
  '/',
  '/Users/"quoted"',
  '/Users/u1?attributes=password',
];

const queries = [
  '',
  '?filter=userName%20eq%20%22a%22',
  '?filter=userName+eq+%22a%22',
  '?filter=((((((((((title%20pr))))))))))',
  '?filter=title%20co%20%22%25%22%20or',
  `?filter=${'not%20('.repeat(200)}title%20pr${')'.repeat(200)}`,
  `?filter=${Array.from({ length: 150 }, (_, index) => `title%20eq%20%22${index}%22`).join('%20or%20')}`,
  '?startIndex=-1&count=999999999999999999999',
  '?count=1e9',
  '?count=1&count=2',
  '?attributes=__proto__,constructor',
  '?sortBy=toString&sortOrder=up',
  '?%66ilter=x',
  '?a=%ff%fe',
  '?filter',
  `?x=${'y'.repeat(9_000)}`,
  '?access_token=abc',
  '?attributes=userName&excludedAttributes=userName',
];

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'PATCH'] as const;

/** A request in good order; half of the time with the key. */
const plain = (chance: Chance, { host, base, key }: GarbageContext): Parts => {
  const method = chance.pick(methods);
  const body = method === 'GET' || method === 'DELETE' ? Buffer.alloc(0) : bentBody(chance);
  const headers: [string, string][] = [['Host', host]];
  if (chance.often(0.7)) headers.push(['Authorization', `Bearer ${key}`]);
  if (body.length > 0) {
    headers.push(
      ['Content-Type', 'application/scim+json'],
      ['Content-Length', String(body.length)],
    );
  }
  const path = chance.often(0.5) ? chance.pick(paths) : '/Users/u1';
  const query = chance.often(0.4) ? chance.pick(queries) : '';
  return {
    method,
    target: `${base}${path}${query}`.replace(/^(?!\/)/, '/'),
    version: 'HTTP/1.1',
    headers,
    body,
  };
};

type Twist = Readonly<{ parsable: boolean; twist(parts: Parts, chance: Chance): void }>;
const adding = (parsable: boolean, ...headers: readonly [string, string][]): Twist => ({
  parsable,
  twist: (parts) => void parts.headers.push(...headers),
});
const setting = (parsable: boolean, change: (parts: Parts, chance: Chance) => void): Twist => ({
  parsable,
  twist: change,
});
const host = (value: string): Twist =>
  setting(true, (parts) => void (parts.headers[0] = ['Host', value]));
const chunked = (parsable: boolean, body: string): Twist =>
  setting(parsable, (parts) => {
    parts.method = 'PATCH';
    parts.headers = parts.headers.filter(([name]) => name !== 'Content-Length');
    parts.headers.push(['Transfer-Encoding', 'chunked']);
    parts.body = Buffer.from(body);
  });

/** What is done to one good request. */
const twists: readonly Twist[] = [
  adding(false, ['Content-Length', '5'], ['Content-Length', '6']),
  adding(false, ['Content-Length', '3'], ['Transfer-Encoding', 'chunked']),
  adding(false, ['Transfer-Encoding', 'gzip']),
  adding(false, ['Content-Length', '-1']),
  adding(false, ['Content-Length', '0x10']),
  adding(true, ['X_Forwarded_For', '127.0.0.1']),
  adding(true, ['X-HTTP-Method-Override', 'DELETE']),
  adding(true, ['Content-Encoding', 'gzip']),
  adding(true, ['Authorization', 'Basic !!!!']),
  adding(true, ['Authorization', 'Bearer spk_test_aaaaaaaaaaaaaaaaaaaaaaaa']),
  adding(true, ['X-API-Key', '__proto__']),
  adding(true, ['If-Match', '*'], ['If-Match', '"x"']),
  adding(true, ['traceparent', '00-00000000000000000000000000000000-0000000000000000-01']),
  adding(true, ['X-Request-Id', '"><script>']),
  adding(true, ['Accept', 'x'.repeat(4_000)]),
  adding(true, ['__proto__', 'polluted'], ['constructor', 'x']),
  adding(true, ['Connection', 'upgrade'], ['Upgrade', 'h2c']),
  adding(true, ['Connection', 'Upgrade'], ['Upgrade', 'websocket']),
  adding(true, ['Expect', 'a-miracle']),
  adding(true, ['Forwarded', 'for=127.0.0.1'], ['X-Forwarded-For', '::1']),
  adding(false, ['Big', 'x'.repeat(20_000)]),
  setting(false, (parts) => {
    for (let index = 0; index < 3_000; index++) parts.headers.push([`h${index}`, 'v']);
  }),
  adding(false, ['Bad Name', 'x']),
  adding(false, ['Folded', 'a\r\n b']),
  adding(false, ['Nul', 'a\0b']),
  host('evil.example:99999'),
  host('1.2'),
  host('a b'),
  host('[::1'),
  host('a..b'),
  host('user@host'),
  host('0x7f.1'),
  host('-'),
  host('%61'),
  setting(true, (parts) => void parts.headers.shift()),
  setting(true, (parts) => void parts.headers.push(['Host', 'second.example'])),
  setting(true, (parts) => {
    parts.version = 'HTTP/1.0';
    parts.headers.shift();
  }),
  setting(
    true,
    (parts) => void (parts.target = `http://${String(parts.headers[0]?.[1])}/scim/stub/Users/u1`),
  ),
  setting(true, (parts) => void (parts.target = 'http://other.example/scim/stub/Users/u1')),
  setting(true, (parts) => void (parts.target = 'http://[/')),
  setting(true, (parts) => {
    parts.method = 'OPTIONS';
    parts.target = '*';
  }),
  setting(true, (parts) => void (parts.target = '//evil.example/scim/stub/Users/u1')),
  setting(true, (parts) => void (parts.target = '/scim/stub/Users/u1\\..\\x')),
  setting(true, (parts) => void (parts.target = `/${'a/'.repeat(3_000)}`)),
  setting(
    true,
    (parts, chance) =>
      void (parts.method = chance.pick(['TRACE', 'OPTIONS', 'PROPFIND', 'HEAD', 'PURGE'])),
  ),
  setting(false, (parts) => {
    parts.method = 'CONNECT';
    parts.target = 'evil.example:443';
  }),
  setting(false, (parts) => void (parts.method = 'NOSUCH')),
  setting(false, (parts) => void (parts.method = 'get')),
  setting(false, (parts) => void (parts.version = 'HTTP/2.0')),
  setting(false, (parts) => void (parts.version = 'HTTP/0.9')),
  setting(false, (parts) => void (parts.version = 'HTTP/1.1\r\n:')),
  chunked(true, '2\r\n{}\r\n0\r\n\r\n'),
  chunked(true, '1;ext=x\r\n{\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n'),
  chunked(false, 'zz\r\n{}\r\n0\r\n\r\n'),
  chunked(false, 'ffffffffffffffffff\r\n{}'),
  chunked(false, '2\r\n{}x\r\n0\r\n\r\n'),
  chunked(false, '5\r\n{}'),
];

const mutate = (chance: Chance, bytes: Buffer): Buffer => {
  const out = Buffer.from(bytes);
  for (let count = 1 + chance.below(4); count > 0; count--)
    out[chance.below(out.length)] = chance.below(256);
  const cut = chance.below(out.length);
  return chance.pick<() => Buffer>([
    () => out,
    () => out.subarray(0, cut),
    () => Buffer.concat([out.subarray(0, cut), noise(chance, chance.below(20)), out.subarray(cut)]),
    () => Buffer.concat([out, out.subarray(cut)]),
  ])();
};

const isReadable = ({ target }: Parts): boolean =>
  /^[!-~]+$/.test(target) && target.length < 14_000;

/** Draws one. */
export const drawGarbage = (chance: Chance, context: GarbageContext): Garbage => {
  const roll = chance.below(100);
  if (roll < 8)
    return {
      bytes: noise(chance, 1 + chance.below(400)),
      parsable: false,
      requests: 0,
      head: false,
    };
  const parts = plain(chance, context);
  if (roll < 28)
    return { bytes: mutate(chance, print(parts)), parsable: false, requests: 0, head: false };
  if (roll < 60) {
    const { parsable, twist } = chance.pick(twists);
    twist(parts, chance);
    return {
      bytes: print(parts),
      parsable: parsable && isReadable(parts),
      requests: 1,
      head: parts.method === 'HEAD',
    };
  }
  if (roll < 66) {
    const several = Array.from({ length: 2 + chance.below(4) }, () =>
      print(plain(chance, context)),
    );
    return {
      bytes: Buffer.concat(several),
      parsable: isReadable(parts),
      requests: several.length,
      head: false,
    };
  }
  return { bytes: print(parts), parsable: isReadable(parts), requests: 1, head: false };
};
