/** HTTP message signatures: the examples of RFC 9421, and what a signature must cover. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Received } from '../../../src/signatures/receiver.ts';
import { httpSignature } from '../../../src/signatures/schemes/http-signature.ts';
import { contentDigest, digestFits } from '../../../src/signatures/signature-base.ts';
import { receive } from '../messages.ts';
import { compiled, moment, pairs, problemOf, routeKey } from '../token-keys.ts';

/** RFC 9421 B.2: the request that all of its examples sign. */
const example: Received = {
  method: 'POST',
  url: 'https://example.com/foo?param=Value&Pet=dog',
  path: '/foo',
  query: 'param=Value&Pet=dog',
  headers: {
    host: 'example.com',
    date: 'Tue, 20 Apr 2021 02:07:55 GMT',
    'content-type': 'application/json',
    'content-digest':
      'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
    'content-length': '18',
  },
  body: Buffer.from('{"hello": "world"}'),
};
const exampleAt = 1_618_884_473_000;
const free = { required: [], body: 'free' };

describe('RFC 9421', () => {
  const shared =
    'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==';
  const b25 = {
    'signature-input':
      'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    signature: 'sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:',
  };
  const privatePem =
    '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n';
  const b26 = {
    'signature-input':
      'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
    signature:
      'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:',
  };
  const cases = [
    ['B.2.5', b25, { ...free, encoding: 'base64' }, 'test-shared-secret', shared],
    ['B.2.6', b26, free, 'test-key-ed25519', privatePem],
  ] as const;
  for (const [name, headers, options, id, text] of cases) {
    it(`${name} holds`, async () => {
      const scheme = compiled(httpSignature, options, { keys: [routeKey(id, text)] });
      const received = { ...example, headers: { ...example.headers, ...headers } };
      const verdict = await scheme.check(received, exampleAt);
      assert.ok(verdict.kind === 'proven');
      assert.deepEqual(
        [verdict.keyId, verdict.signedTime, verdict.signedId],
        [id, '1618884473', null],
      );
      const tampered = { ...received, headers: { ...received.headers, date: 'Tue, 21 Apr 2021' } };
      assert.equal((await scheme.check(tampered, exampleAt)).kind, 'refused');
    });

    it(`${name} does not cover enough for a route`, async () => {
      const { encoding } = { encoding: 'utf8', ...options };
      const scheme = compiled(httpSignature, { encoding }, { keys: [routeKey(id, text)] });
      const received = { ...example, headers: { ...example.headers, ...headers } };
      const verdict = await scheme.check(received, exampleAt);
      assert.equal(verdict.kind === 'refused' && verdict.reason, 'not all is covered that must be');
    });
  }

  it('has the digest of the example', () => {
    const digest = example.headers['content-digest'];
    assert.ok(digestFits(digest, example.body));
    assert.ok(!digestFits(digest, Buffer.from('{"hello": "World"}')));
    assert.ok(digestFits(contentDigest(example.body), example.body));
    const both = `${contentDigest(example.body)}, ${digest}`;
    assert.ok(digestFits(both, example.body));
    const wrong = `${contentDigest(Buffer.from('x'))}, ${digest}`;
    assert.ok(!digestFits(wrong, example.body));
    for (const text of [undefined, '', 'md5=:AAAA:', 'sha-256=1', 'sha-256=:*:', 'sha-256=()']) {
      assert.ok(!digestFits(text, example.body));
    }
  });
});

const secret = 'a secret for messages';
const keys = [routeKey('secrets[0]', secret), routeKey('named', 'another secret, named')];
const sign = (
  body: string,
  options: Readonly<Record<string, unknown>> = {},
  key = routeKey('secrets[0]', secret),
) => {
  const scheme = compiled(httpSignature, options, { keys: [key] });
  assert.ok(scheme.sign !== null);
  const { url } = receive({ query: 'a=%2F' });
  const message = { id: 'evt_1', at: moment, body: Buffer.from(body), url, method: 'POST' };
  return { ...receive({ query: 'a=%2F', body }), headers: scheme.sign(message) };
};
const check = async (received: Received, options: Readonly<Record<string, unknown>> = {}) =>
  await compiled(httpSignature, options, { keys }).check(received, moment);

describe('a signature of our own', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const asymmetric = { ed: pairs.ed, ec: pairs.ec, rsa };
  for (const [name, { privateKey, publicKey }] of Object.entries(asymmetric)) {
    it(`by ${name} holds by the public key`, async () => {
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const received = sign('{}', {}, routeKey('secret', pem));
      const open = publicKey.export({ type: 'spki', format: 'pem' }).toString();
      const scheme = compiled(httpSignature, {}, { keys: [routeKey('keys[0]', open)] });
      assert.equal((await scheme.check(received, moment)).kind, 'proven');
      assert.equal(scheme.sign, null);
      const other = { ...received, body: Buffer.from('{ }') };
      assert.equal((await scheme.check(other, moment)).kind, 'refused');
    });
  }

  it('covers target and body, and carries id and time', async () => {
    const received = sign('{}');
    const verdict = await check(received);
    assert.ok(verdict.kind === 'proven');
    assert.deepEqual(
      [verdict.keyId, verdict.signedId, verdict.signedTime, verdict.signature?.length],
      ['secrets[0]', 'evt_1', '1700000000', 32],
    );
  });

  const changes: readonly (readonly [string, (received: Received) => Partial<Received>])[] = [
    ['another body', () => ({ body: Buffer.from('{"a":1}') })],
    ['no body', () => ({ body: Buffer.alloc(0) })],
    ['another method', () => ({ method: 'PUT' })],
    ['another path', ({ url }) => ({ url: url.replace('/hooks/hr', '/hooks/it') })],
    ['another query', ({ url }) => ({ url: `${url}&b=1` })],
    ['another spelling of the query', ({ url }) => ({ url: url.replace('%2F', '/') })],
    ['another host', ({ url }) => ({ url: url.replace('gateway', 'other') })],
    [
      'the digest of another body beside it',
      ({ headers }) => ({
        body: Buffer.from('x'),
        headers: { ...headers, 'content-digest': contentDigest(Buffer.from('x')) },
      }),
    ],
    [
      'no digest',
      ({ headers }) => {
        const { 'content-digest': _gone, ...rest } = headers;
        return { headers: rest };
      },
    ],
    [
      'a later time',
      ({ headers }) => ({
        headers: {
          ...headers,
          'signature-input': String(headers['signature-input']).replace('1700000000', '1700000001'),
        },
      }),
    ],
    [
      'another label',
      ({ headers }) => ({
        headers: { ...headers, signature: String(headers['signature']).replace('sig1', 'sig2') },
      }),
    ],
  ];
  for (const [what, change] of changes) {
    it(`does not hold with ${what}`, async () => {
      const received = sign('{}');
      assert.equal((await check({ ...received, ...change(received) })).kind, 'refused');
    });
  }

  it('tells bytes apart that no text could', async () => {
    const received = { ...sign('x'), body: Buffer.from([0xfe]) };
    const scheme = compiled(httpSignature, {}, { keys });
    const headers = scheme.sign?.({
      id: 'a',
      at: moment,
      body: Buffer.from([0xff]),
      url: received.url,
      method: 'POST',
    });
    assert.ok(headers !== undefined);
    const sent = { ...received, headers };
    assert.equal((await check({ ...sent, body: Buffer.from([0xff]) })).kind, 'proven');
    assert.equal((await check(sent)).kind, 'refused');
  });
});

describe('several signatures', () => {
  it('are all tried, in any order, sixteen at most', async () => {
    const { headers, ...received } = sign('{}');
    const input = String(headers['signature-input']).slice('sig1='.length);
    const good = String(headers['signature']).slice('sig1='.length);
    const bad = `:${Buffer.alloc(32).toString('base64')}:`;
    const combined = (labels: readonly string[], at: number) => ({
      ...received,
      headers: {
        ...headers,
        'signature-input': labels.map((label) => `${label}=${input}`).join(', '),
        signature: labels.map((label, index) => `${label}=${index === at ? good : bad}`).join(', '),
      },
    });
    const labels = Array.from({ length: 17 }, (_, index) => `s${index}`);
    for (const at of [0, 7, 15]) {
      assert.equal((await check(combined(labels, at))).kind, 'proven', String(at));
    }
    assert.equal((await check(combined(labels, 16))).kind, 'refused');
  });
});

describe('keyid', () => {
  it('chooses the key of that id', async () => {
    const named = sign('{}', { keyid: 'named' }, routeKey('x', 'another secret, named'));
    const verdict = await check(named);
    assert.equal(verdict.kind === 'proven' && verdict.keyId, 'named');
    const wrong = sign('{}', { keyid: 'named' });
    assert.equal((await check(wrong)).kind, 'refused');
    const unknown = sign('{}', { keyid: '../../etc' });
    assert.equal((await check(unknown)).kind, 'proven');
  });
});

describe('parameters', () => {
  const rewritten = async (write: (input: string) => string) => {
    const received = sign('{}');
    const headers = {
      ...received.headers,
      'signature-input': write(String(received.headers['signature-input'])),
    };
    const verdict = await check({ ...received, headers });
    return verdict.kind === 'refused' ? verdict.reason : verdict.kind;
  };

  it('that are not understood prove nothing', async () => {
    const odd = 'components that are not understood';
    for (const component of [
      '"@path";req',
      '"@query-param";name="a"',
      '"@unknown"',
      '"a b"',
      '1',
    ]) {
      assert.equal(await rewritten((text) => text.replace('"@path"', component)), odd);
    }
    assert.equal(await rewritten((text) => text.replace('"@path"', '"@path" "@path"')), odd);
  });

  it('say when a signature ends', async () => {
    assert.equal(await rewritten((text) => `${text};expires=1700000000`), 'expired');
    assert.equal(await rewritten((text) => `${text};expires="x"`), 'times that are none');
    assert.equal(await rewritten((text) => `${text};expires=1.5`), 'times that are none');
    const late = await rewritten((text) =>
      text.replace('created=1700000000', 'created=1700000001'),
    );
    assert.equal(late, 'created in the future');
  });

  it('name an algorithm that may only agree', async () => {
    for (const alg of ['ed25519', 'hmac-sha512', 'none', 'HMAC-SHA256']) {
      assert.equal(await rewritten((text) => `${text};alg="${alg}"`), 'no signature fits');
    }
  });

  it('name a tag where one is asked for', async () => {
    const verdict = await check(sign('{}'), { tag: 'hr' });
    assert.equal(verdict.kind === 'refused' && verdict.reason, 'another tag');
  });
});

describe('a public key', () => {
  it('is no secret', async () => {
    const pem = pairs.ed.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const scheme = compiled(httpSignature, {}, { keys: [routeKey('keys[0]', pem)] });
    const { createHmac } = await import('node:crypto');
    const received = sign('{}');
    const base =
      '"@method": POST\n"@authority": gateway.example\n"@path": /hooks/hr\n"@query": ?a=%2F\n' +
      `"content-digest": ${String(received.headers['content-digest'])}\n"@signature-params": ` +
      String(received.headers['signature-input']).slice('sig1='.length);
    const mac = (key: string) => createHmac('sha256', key).update(base).digest('base64');
    // The base is right: with the secret it makes our own signature.
    assert.equal(received.headers['signature'], `sig1=:${mac(secret)}:`);
    const forged = { ...received.headers, signature: `sig1=:${mac(pem)}:` };
    assert.equal((await scheme.check({ ...received, headers: forged }, moment)).kind, 'refused');
  });

  it('or secret that cannot be used does not compile', () => {
    const short = pairs.short.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    for (const [options, text, reason] of [
      [{}, 'short', /16 bytes/],
      [{}, short, /no key of a kind/],
      [{}, '-----BEGIN NOTHING-----', /no key of a kind/],
      [{ encoding: 'base64' }, 'not base64 at all!', /not base64/],
      [{ algorithms: ['ed25519'] }, secret, /none of the algorithms/],
    ] as const) {
      assert.match(String(problemOf(httpSignature, options, [routeKey('a', text)])), reason);
    }
  });
});

describe('whatever comes', () => {
  it('never throws', async () => {
    const scheme = compiled(httpSignature, {}, { keys });
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('sig1=()', 'sig1=("@path");created=1', 'a=:AAAA:', 'sig1=1', 'sig1=:AAAA:'),
    );
    await fc.assert(
      fc.asyncProperty(
        text,
        text,
        text,
        fc.uint8Array(),
        async (input, signature, digest, body) => {
          const headers = { 'signature-input': input, signature, 'content-digest': digest };
          const received = { ...receive({ headers }), body: Buffer.from(body) };
          assert.equal((await scheme.check(received, moment)).kind, 'refused');
          assert.ok(Array.isArray(scheme.readHeaders?.(received)));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
