/** Security event tokens by push. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { set, setRefusal } from '../../../src/signatures/schemes/set.ts';
import { tokenReasons } from '../../../src/signatures/token.ts';
import { receive } from '../messages.ts';
import {
  compiled,
  jwk,
  moment,
  pairs,
  problemOf,
  routeKey,
  tableFetcher,
  token,
  unsigned,
} from '../token-keys.ts';

const jwksUri = 'https://issuer.example/keys';
const options = { jwksUri, issuer: 'https://idp.example.com/123456789/', audience: 'audience' };
const published = JSON.stringify({ keys: [jwk(pairs.rsa.publicKey, { kid: 'one' })] });
const seconds = moment / 1_000;
/** Shaped as the example of RFC 8417 §2.1.1. */
const claims = {
  iss: 'https://idp.example.com/123456789/',
  jti: '4d3559ec67504aaba65d40b0363faad8',
  iat: seconds - 86_400,
  aud: ['https://scim.example.com/Feeds/98d52461', 'audience'],
  events: {
    'urn:ietf:params:scim:event:create': {
      ref: 'https://scim.example.com/Users/44f6142df96bd6ab61e7521d9',
    },
  },
};
const header = { alg: 'RS256', kid: 'one', typ: 'secevent+jwt' };
const type = { 'content-type': 'application/secevent+jwt' };

const check = async (body: string, headers: Readonly<Record<string, string>> = type) =>
  await compiled(set, options, { fetcher: tableFetcher({ [jwksUri]: published }) }).check(
    receive({ body, headers }),
    moment,
  );

describe('a security event token', () => {
  it('holds without an end, however long ago it was', async () => {
    const text = await token(claims, pairs.rsa.privateKey, header);
    const verdict = await check(text);
    assert.ok(verdict.kind === 'proven');
    assert.deepEqual(
      { ...verdict, signature: verdict.signature?.length, contents: null },
      {
        kind: 'proven',
        keyId: 'one',
        signature: 256,
        signedId: claims.jti,
        signedTime: String(claims.iat),
        contents: null,
      },
    );
    assert.deepEqual(JSON.parse(String(verdict.contents)), claims);
  });

  it('may have its media type in any case and with parameters', async () => {
    const text = await token(claims, pairs.rsa.privateKey, header);
    for (const [given, kind] of [
      ['Application/SecEvent+JWT; charset=utf-8', 'proven'],
      ['application/jwt', 'refused'],
      ['application/secevent+jwtx', 'refused'],
      ['', 'refused'],
    ] as const) {
      assert.equal((await check(text, { 'content-type': given })).kind, kind);
    }
    assert.equal((await check(text, {})).kind, 'refused');
  });

  const refused: readonly (readonly [string, object, object, string])[] = [
    ['an access token', {}, { ...header, typ: 'at+jwt' }, 'invalid_request'],
    ['no type', {}, { ...header, typ: undefined }, 'invalid_request'],
    ['another issuer', { iss: 'https://evil.example' }, header, 'invalid_issuer'],
    ['another audience', { aud: 'other' }, header, 'invalid_audience'],
    ['no audience', { aud: undefined }, header, 'invalid_audience'],
    ['no id', { jti: undefined }, header, 'invalid_request'],
    ['no time', { iat: undefined }, header, 'invalid_request'],
    ['its time in the future', { iat: seconds + 90 }, header, 'authentication_failed'],
    ['no events', { events: {} }, header, 'invalid_request'],
    ['events in a list', { events: [] }, header, 'invalid_request'],
    [
      'too many events',
      { events: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`urn:${at}`, {}])) },
      header,
      'invalid_request',
    ],
    ['an unknown key', {}, { ...header, kid: 'other' }, 'invalid_key'],
    ['an unlisted algorithm', {}, { ...header, alg: 'PS256' }, 'invalid_key'],
  ];
  for (const [what, over, head, err] of refused) {
    it(`with ${what} is refused as ${err}`, async () => {
      const text = await token(
        { ...claims, ...over },
        pairs.rsa.privateKey,
        head as { alg: string },
      );
      const verdict = await check(text);
      assert.ok(verdict.kind === 'refused');
      const form = setRefusal(verdict);
      assert.deepEqual([form?.status, form?.contentType], [400, 'application/json']);
      assert.equal((JSON.parse(String(form?.body)) as { err: string }).err, err);
    });
  }

  it('by another key, by none or by a secret is not authentic', async () => {
    for (const [text, err] of [
      [await token(claims, pairs.other.privateKey, header), 'authentication_failed'],
      [unsigned({ alg: 'none', typ: 'secevent+jwt' }, claims), 'invalid_key'],
      [unsigned({ alg: 'HS256', typ: 'secevent+jwt' }, claims), 'invalid_key'],
      ['', 'invalid_request'],
      ['{"a":1}', 'invalid_request'],
    ] as const) {
      const verdict = await check(text);
      assert.ok(verdict.kind === 'refused');
      assert.equal((JSON.parse(String(setRefusal(verdict)?.body)) as { err: string }).err, err);
    }
  });

  it('waits for keys that cannot be had', async () => {
    const { check: judge } = compiled(set, options, { fetcher: tableFetcher({}) });
    const body = await token(claims, pairs.rsa.privateKey, header);
    assert.equal((await judge(receive({ body, headers: type }), moment)).kind, 'unavailable');
  });

  it('may be proven by keys of the route', async () => {
    const pem = pairs.rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const { check: judge } = compiled(
      set,
      { ...options, jwksUri: undefined },
      { keys: [routeKey('keys[0]', pem)] },
    );
    const body = await token(claims, pairs.rsa.privateKey, header);
    assert.equal((await judge(receive({ body, headers: type }), moment)).kind, 'proven');
    assert.match(String(problemOf(set, { ...options, jwksUri: undefined })), /jwksUri or keys/);
    assert.match(String(problemOf(set, options, [routeKey('a', 'x')])), /no public key/);
    assert.throws(() => set.options.parse({ ...options, algorithms: ['HS256'] }));
    assert.throws(() => set.options.parse({ jwksUri, issuer: 'a' }));
  });
});

describe('refusals', () => {
  it('never say more than their kind', () => {
    for (const reason of [...Object.values(tokenReasons), 'anything', '__proto__']) {
      const body = String(setRefusal({ kind: 'refused', code: 'signature_invalid', reason })?.body);
      assert.deepEqual(Object.keys(JSON.parse(body) as object), ['err', 'description']);
      assert.ok(!body.includes(reason));
    }
  });
});

describe('whatever comes', () => {
  it('never throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const received = { ...receive({ headers: type }), body: Buffer.from(bytes) };
        const { check: judge } = compiled(set, options);
        assert.equal((await judge(received, moment)).kind, 'refused');
      }),
    );
  });
});
