/** JWTs: what proves, and every way that has been used to prove without a key. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { jwt } from '../../../src/signatures/schemes/jwt.ts';
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
const options = {
  jwksUri,
  issuer: 'https://issuer.example',
  audience: 'sallyport',
  algorithms: ['RS256', 'ES256', 'EdDSA'],
};
const published = JSON.stringify({
  keys: [
    jwk(pairs.rsa.publicKey, { kid: 'one', alg: 'RS256' }),
    jwk(pairs.ec.publicKey, { kid: 'two' }),
    jwk(pairs.ed.publicKey, { kid: 'three' }),
    jwk(pairs.short.publicKey, { kid: 'short' }),
    { kty: 'oct', kid: 'oct', k: Buffer.alloc(32, 1).toString('base64url') },
  ],
});
const seconds = moment / 1_000;
const claims = {
  iss: 'https://issuer.example',
  aud: 'sallyport',
  sub: 'someone',
  iat: seconds - 10,
  exp: seconds + 300,
};

const check = async (
  text: string | undefined,
  more: Readonly<Record<string, unknown>> = {},
  fetcher = tableFetcher({ [jwksUri]: published }),
) => {
  const headers = text === undefined ? {} : { authorization: `Bearer ${text}` };
  return await compiled(jwt, { ...options, ...more }, { fetcher }).check(
    receive({ headers }),
    moment,
  );
};
const reasonOf = async (
  text: string | undefined,
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> => {
  const verdict = await check(text, more);
  assert.equal(verdict.kind, 'refused');
  return verdict.kind === 'refused' ? verdict.reason : '';
};

describe('a token', () => {
  for (const [alg, kid, pair] of [
    ['RS256', 'one', pairs.rsa],
    ['ES256', 'two', pairs.ec],
    ['EdDSA', 'three', pairs.ed],
  ] as const) {
    it(`by ${alg} holds`, async () => {
      const verdict = await check(await token(claims, pair.privateKey, { alg, kid }));
      assert.deepEqual(verdict, {
        kind: 'proven',
        keyId: kid,
        signature: null,
        signedId: null,
        signedTime: null,
        contents: null,
      });
    });
  }

  it('without a kid is tried by all keys', async () => {
    const text = await token(claims, pairs.rsa.privateKey, { alg: 'RS256' });
    assert.equal((await check(text)).kind, 'proven');
  });

  it('by another key under the same kid does not hold', async () => {
    const text = await token(claims, pairs.other.privateKey);
    assert.equal(await reasonOf(text), tokenReasons.signature);
  });

  it('with a changed claim does not hold', async () => {
    const [head, , tail] = (await token(claims, pairs.rsa.privateKey)).split('.');
    const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'other' })).toString('base64url');
    assert.equal(await reasonOf(`${head}.${changed}.${tail}`), tokenReasons.signature);
  });

  it('is missing', async () => {
    for (const authorization of [undefined, '', 'Bearer', 'Bearer ', 'Basic abc', 'a.b.c']) {
      const headers = authorization === undefined ? {} : { authorization };
      const fetcher = tableFetcher({});
      const verdict = await compiled(jwt, options, { fetcher }).check(receive({ headers }), moment);
      assert.equal(verdict.kind === 'refused' && verdict.code, 'signature_missing');
      assert.deepEqual(fetcher.asked, []);
    }
  });
});

describe('claims', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
    ['another issuer', { iss: 'https://evil.example' }, tokenReasons.issuer],
    ['no issuer', { iss: undefined }, tokenReasons.issuer],
    ['issuers in a list', { iss: ['https://issuer.example'] }, tokenReasons.issuer],
    ['another audience', { aud: 'other' }, tokenReasons.audience],
    ['no audience', { aud: undefined }, tokenReasons.audience],
    ['other audiences', { aud: ['a', 'b'] }, tokenReasons.audience],
    ['its end a minute ago', { exp: seconds - 60 }, tokenReasons.expired],
    ['no end', { exp: undefined }, tokenReasons.endless],
    ['an end that is no number', { exp: String(seconds + 9) }, tokenReasons.claims],
    ['an end beyond all time', { exp: 1e300 }, tokenReasons.claims],
    ['its beginning in two minutes', { nbf: seconds + 120 }, tokenReasons.early],
    ['issued in two minutes', { iat: seconds + 120 }, tokenReasons.early],
  ];
  for (const [what, over, reason] of cases) {
    it(`with ${what} are refused`, async () => {
      const text = await token({ ...claims, ...over }, pairs.rsa.privateKey);
      assert.equal(await reasonOf(text), reason);
    });
  }

  it('have a minute of leeway, and more by tolerance', async () => {
    const text = await token({ ...claims, exp: seconds - 59 }, pairs.rsa.privateKey);
    assert.equal((await check(text)).kind, 'proven');
    const late = await token({ ...claims, exp: seconds - 299 }, pairs.rsa.privateKey);
    const fetcher = tableFetcher({ [jwksUri]: published });
    const headers = { authorization: `Bearer ${late}` };
    for (const [toleranceMs, kind] of [
      [3_600_000, 'proven'],
      [60_000, 'refused'],
    ] as const) {
      const { check: judge } = compiled(jwt, options, { fetcher, toleranceMs });
      assert.equal((await judge(receive({ headers }), moment)).kind, kind);
    }
  });

  it('that are stale say so', async () => {
    const verdict = await check(await token({ ...claims, exp: 1 }, pairs.rsa.privateKey));
    assert.equal(verdict.kind === 'refused' && verdict.code, 'timestamp_stale');
  });

  it('may be for one of several', async () => {
    const text = await token({ ...claims, aud: ['x', 'sallyport'] }, pairs.rsa.privateKey);
    assert.equal((await check(text)).kind, 'proven');
  });

  it('name the application that called', async () => {
    const parties = ['app'];
    for (const [over, fits] of [
      [{ azp: 'app' }, true],
      [{ appid: 'app' }, true],
      [{ azp: 'app', appid: 'app' }, true],
      [{ azp: 'app', appid: 'evil' }, false],
      [{ azp: 'evil' }, false],
      [{}, false],
    ] as const) {
      const text = await token({ ...claims, ...over }, pairs.rsa.privateKey);
      const verdict = await check(text, { parties });
      assert.equal(verdict.kind, fits ? 'proven' : 'refused');
    }
  });

  it('name an account that was verified', async () => {
    const email = 'push@project.iam.gserviceaccount.com';
    for (const [over, fits] of [
      [{ email, email_verified: true }, true],
      [{ email, email_verified: 'true' }, false],
      [{ email, email_verified: false }, false],
      [{ email }, false],
      [{ email: 'evil@example.org', email_verified: true }, false],
    ] as const) {
      const text = await token({ ...claims, ...over }, pairs.rsa.privateKey);
      assert.equal((await check(text, { email })).kind, fits ? 'proven' : 'refused');
    }
  });

  it('are held to values, and not to those of a prototype', async () => {
    const more = { claims: { tier: ['gold', 'silver'], level: 3 } };
    for (const [over, fits] of [
      [{ tier: 'silver', level: 3 }, true],
      [{ tier: 'silver', level: '3' }, false],
      [{ tier: 'lead', level: 3 }, false],
      [{ level: 3 }, false],
    ] as const) {
      const text = await token({ ...claims, ...over }, pairs.rsa.privateKey);
      assert.equal((await check(text, more)).kind, fits ? 'proven' : 'refused');
    }
  });

  it('of tenants fit the issuer of the tenant', async () => {
    const tenant = '0d3f8a4e-1111-4222-8333-444455556666';
    const more = {
      issuer: undefined,
      issuerTemplates: ['https://sts.example/{tenant}/'],
      tenants: [tenant.toUpperCase()],
    };
    for (const [iss, tid, fits] of [
      [`https://sts.example/${tenant}/`, tenant, true],
      [`https://sts.example/${tenant}/`, '0d3f8a4e-9999-4222-8333-444455556666', false],
      ['https://sts.example/0d3f8a4e-9999-4222-8333-444455556666/', tenant, false],
      ['https://sts.example/{tenant}/', tenant, false],
    ] as const) {
      const text = await token({ ...claims, iss, tid }, pairs.rsa.privateKey);
      assert.equal((await check(text, more)).kind, fits ? 'proven' : 'refused');
    }
  });

  it('must be an object that reads one way', async () => {
    for (const text of ['[]', 'null', '"a"', '{"iss":1,"iss":2}', '{', '']) {
      const signed = await token(text, pairs.rsa.privateKey);
      assert.ok(
        ([tokenReasons.claims, tokenReasons.shape] as readonly string[]).includes(
          await reasonOf(signed),
        ),
        text,
      );
    }
  });
});

describe('algorithms', () => {
  it('none is none, in any spelling', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, undefined, 0, ['RS256']]) {
      assert.equal(await reasonOf(unsigned({ alg }, claims)), tokenReasons.algorithm);
      const bare = unsigned({ alg }, claims, '');
      assert.equal(await reasonOf(bare), tokenReasons.shape);
    }
  });

  it('a public key is no secret', async () => {
    const pem = pairs.rsa.publicKey.export({ type: 'spki', format: 'pem' });
    for (const secret of [Buffer.from(pem), Buffer.from(published), Buffer.alloc(32, 1)]) {
      for (const kid of ['one', 'oct']) {
        const text = await token(claims, secret, { alg: 'HS256', kid });
        assert.equal(await reasonOf(text), tokenReasons.algorithm);
        const fetcher = tableFetcher({ [jwksUri]: published });
        // Even where HS256 is allowed, for a secret of the route.
        const { check: judge } = compiled(
          jwt,
          { ...options, algorithms: ['RS256', 'HS256'] },
          { fetcher, keys: [routeKey('keys[0]', pem.toString())] },
        );
        const headers = { authorization: `Bearer ${text}` };
        const verdict = await judge(receive({ headers }), moment);
        assert.equal(verdict.kind === 'refused' && verdict.reason, tokenReasons.key);
      }
    }
  });

  it('that are not listed do not hold', async () => {
    const text = await token(claims, pairs.rsa.privateKey, { alg: 'PS256', kid: 'one' });
    assert.equal(await reasonOf(text), tokenReasons.algorithm);
  });

  it('a key with an algorithm of its own has no other', async () => {
    const text = await token(claims, pairs.rsa.privateKey, { alg: 'PS256', kid: 'one' });
    assert.equal(await reasonOf(text, { algorithms: ['RS256', 'PS256'] }), tokenReasons.key);
  });

  it('zero is no signature', async () => {
    const [head, body] = (
      await token(claims, pairs.ec.privateKey, { alg: 'ES256', kid: 'two' })
    ).split('.');
    for (const signature of ['A'.repeat(86), 'AAAA', '_'.repeat(86)]) {
      assert.equal(await reasonOf(`${head}.${body}.${signature}`), tokenReasons.signature);
    }
    assert.equal(await reasonOf(`${head}.${body}.`), tokenReasons.shape);
  });
});

describe('headers', () => {
  it('jku, x5u, jwk and x5c are never followed', async () => {
    const evil = jwk(pairs.other.publicKey, { kid: 'evil' });
    const fetcher = tableFetcher({
      [jwksUri]: published,
      'https://evil.example/keys': JSON.stringify({ keys: [evil] }),
    });
    const text = await token(claims, pairs.other.privateKey, {
      alg: 'RS256',
      kid: 'evil',
      jku: 'https://evil.example/keys',
      x5u: 'https://evil.example/keys',
      jwk: evil,
    });
    assert.equal((await check(text, {}, fetcher)).kind, 'refused');
    assert.deepEqual([...new Set(fetcher.asked.map(([url]) => url))], [jwksUri]);
  });

  it('with crit are refused, known or not', async () => {
    for (const crit of [['exp'], ['b64'], [], 'x', null]) {
      const text = unsigned({ alg: 'RS256', kid: 'one', crit, b64: false }, claims);
      assert.equal(await reasonOf(text), tokenReasons.crit);
    }
  });

  it('with an odd kid are refused before anything is fetched', async () => {
    const odd = ["' OR 1=1--", 'a\u0000b', 'a b', '', 'x'.repeat(257), 7, null, {}, '<b>', 'ä'];
    for (const kid of odd) {
      const fetcher = tableFetcher({ [jwksUri]: published });
      const verdict = await check(unsigned({ alg: 'RS256', kid }, claims), {}, fetcher);
      assert.equal(verdict.kind === 'refused' && verdict.reason, tokenReasons.kid);
      assert.deepEqual(fetcher.asked, []);
    }
  });

  it('with a kid that is a path only miss', async () => {
    const fetcher = tableFetcher({ [jwksUri]: published });
    for (const kid of ['../../dev/null', '/etc/passwd', 'https://evil.example/key', '__proto__']) {
      const text = await token(claims, pairs.other.privateKey, { alg: 'RS256', kid });
      const verdict = await check(text, {}, fetcher);
      assert.equal(verdict.kind === 'refused' && verdict.reason, tokenReasons.key);
    }
    assert.ok(fetcher.asked.every(([url]) => url === jwksUri));
  });

  it('must have the type that is asked for', async () => {
    const header = { alg: 'RS256', kid: 'one' };
    const more = { type: 'at+jwt' };
    for (const [typ, fits] of [
      ['at+jwt', true],
      ['application/AT+JWT', true],
      ['JWT', false],
    ] as const) {
      const text = await token(claims, pairs.rsa.privateKey, { ...header, typ });
      assert.equal((await check(text, more)).kind, fits ? 'proven' : 'refused');
    }
    assert.equal(
      await reasonOf(await token(claims, pairs.rsa.privateKey, header), more),
      tokenReasons.type,
    );
  });
});

describe('keys', () => {
  it('that are unknown are asked for again', async () => {
    const fetcher = tableFetcher({ [jwksUri]: published });
    const text = await token(claims, pairs.other.privateKey, { alg: 'RS256', kid: 'new' });
    await check(text, {}, fetcher);
    assert.deepEqual(fetcher.asked, [
      [jwksUri, undefined],
      [jwksUri, { again: true }],
    ]);
  });

  it('that cannot be had are a matter of later', async () => {
    for (const answer of [null, 'no JSON', '{}', '{"keys":{}}']) {
      const fetcher = tableFetcher({ [jwksUri]: answer });
      const verdict = await check(await token(claims, pairs.rsa.privateKey), {}, fetcher);
      assert.equal(verdict.kind, 'unavailable');
    }
  });

  it('that are too short, for ciphers or symmetric are none', async () => {
    const kept = (more: object) =>
      tableFetcher({
        [jwksUri]: JSON.stringify({ keys: [jwk(pairs.rsa.publicKey, { kid: 'one', ...more })] }),
      });
    const text = await token(claims, pairs.rsa.privateKey);
    assert.equal((await check(text, {}, kept({}))).kind, 'proven');
    for (const more of [{ use: 'enc' }, { key_ops: ['encrypt'] }, { alg: 'RSA-OAEP' }]) {
      assert.equal((await check(text, {}, kept(more))).kind, 'refused');
    }
    const weak = unsigned({ alg: 'RS256', kid: 'short' }, claims, 'A'.repeat(171));
    assert.equal(await reasonOf(weak), tokenReasons.key);
  });

  it('of the route need no address, and end when they end', async () => {
    const pem = pairs.rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const fetcher = tableFetcher({});
    const text = await token(claims, pairs.rsa.privateKey);
    const headers = { authorization: `bearer ${text}` };
    for (const [until, kind] of [
      [moment + 1, 'proven'],
      [moment, 'refused'],
    ] as const) {
      const keys = [{ ...routeKey('keys[0]', pem), until }];
      const { check: judge } = compiled(jwt, { ...options, jwksUri: undefined }, { fetcher, keys });
      const verdict = await judge(receive({ headers }), moment);
      assert.equal(verdict.kind, kind);
      if (verdict.kind === 'proven') assert.equal(verdict.keyId, 'keys[0]');
    }
    assert.deepEqual(fetcher.asked, []);
  });
});

describe('a route', () => {
  it('that would take any token does not compile', () => {
    assert.match(String(problemOf(jwt, { ...options, issuer: undefined })), /issuer/);
    assert.match(String(problemOf(jwt, { ...options, audience: undefined })), /audience/);
    assert.match(String(problemOf(jwt, { ...options, jwksUri: undefined })), /jwksUri or keys/);
    assert.match(String(problemOf(jwt, options, [routeKey('a', 'no key')])), /no public key/);
    const short = pairs.short.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    assert.match(String(problemOf(jwt, options, [routeKey('a', short)])), /no public key/);
    const secret = { ...options, algorithms: ['HS256'] };
    assert.match(String(problemOf(jwt, secret, [routeKey('a', 'x'.repeat(31))])), /32 bytes/);
    assert.throws(() => jwt.options.parse({ ...options, jwksUri: 'http://issuer.example/keys' }));
    assert.throws(() => jwt.options.parse({ ...options, algorithms: ['none'] }));
    assert.throws(() => jwt.options.parse({ ...options, anything: 1 }));
  });
});

describe('a token bound to the body', () => {
  const secret = 'a secret of at least thirty-two bytes';
  const body = Buffer.from('{"event":{"id":"1"}}');
  const given = {
    token: { header: 'x-fusionauth-signature-jwt' },
    algorithms: ['HS256'],
    bodyHashClaim: 'request_body_sha256',
    expiry: 'optional',
  };
  const hash = createHash('sha256').update(body).digest('base64');
  const judge = async (text: string, received: Buffer) =>
    await compiled(jwt, given, { keys: [routeKey('secrets[0]', secret)] }).check(
      receive({ headers: { 'x-fusionauth-signature-jwt': text }, body: received }),
      moment,
    );

  it('holds for that body and no other', async () => {
    const text = await token({ request_body_sha256: hash }, Buffer.from(secret), { alg: 'HS256' });
    const verdict = await judge(text, body);
    assert.equal(verdict.kind, 'proven');
    assert.equal(verdict.kind === 'proven' && verdict.signature?.length, 32);
    for (const other of [Buffer.from('{"event": {"id":"1"}}'), Buffer.alloc(0)]) {
      assert.equal((await judge(text, other)).kind, 'refused');
    }
    for (const claim of [undefined, '', 7, `${hash}A`, hash.slice(0, 8), null]) {
      const bad = await token({ request_body_sha256: claim }, Buffer.from(secret), {
        alg: 'HS256',
      });
      assert.equal((await judge(bad, body)).kind, 'refused');
    }
  });

  it('ends where it says so', async () => {
    const ended = { request_body_sha256: hash, exp: seconds - 61 };
    const text = await token(ended, Buffer.from(secret), { alg: 'HS256' });
    assert.equal((await judge(text, body)).kind, 'refused');
  });

  it('is kept; one that only says who sends is not', () => {
    const bound = compiled(jwt, given, { keys: [routeKey('secrets[0]', secret)] });
    assert.deepEqual(bound.secretHeaders, []);
    assert.deepEqual(bound.readHeaders?.(receive()), ['x-fusionauth-signature-jwt']);
    assert.deepEqual(compiled(jwt, options).secretHeaders, ['authorization']);
  });
});

describe('whatever comes', () => {
  it('never throws', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc.base64String(),
    );
    const fetcher = tableFetcher({ [jwksUri]: published });
    const { check: judge } = compiled(jwt, options, { fetcher });
    await fc.assert(
      fc.asyncProperty(part, part, part, async (a, b, c) => {
        const headers = { authorization: `Bearer ${a}.${b}.${c}` };
        assert.notEqual((await judge(receive({ headers }), moment)).kind, 'proven');
      }),
      { numRuns: 500 },
    );
  });
});
