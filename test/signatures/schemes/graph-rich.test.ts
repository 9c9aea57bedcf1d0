/** Microsoft Graph's rich notifications, encrypted here as its documentation says. */
import assert from 'node:assert/strict';
import {
  constants,
  createCipheriv,
  createHmac,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { graphRich } from '../../../src/signatures/schemes/graph-rich.ts';
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
} from '../token-keys.ts';

const jwksUri = 'https://login.microsoftonline.com/common/discovery/v2.0/keys';
const published = JSON.stringify({ keys: [jwk(pairs.rsa.publicKey, { kid: 'one' })] });
const tenant = '84bd8158-6d4d-4958-8b9f-9d6445542f95';
const other = '11111111-6d4d-4958-8b9f-9d6445542f95';
const application = '8e460676-ae3f-4b1e-8790-ee0fb5d6ae8f';
const options = { application, tenants: [tenant] };
const seconds = moment / 1_000;
const claims = {
  iss: `https://sts.windows.net/${tenant}/`,
  aud: application,
  appid: '0bf30f3b-4a52-48df-9a82-234910c4a086',
  tid: tenant,
  exp: seconds + 300,
};
const validToken = await token(claims, pairs.rsa.privateKey);

const current = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const older = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const keys = [
  routeKey('cert-2', pemOf(current.privateKey)),
  routeKey('cert-1', pemOf(older.privateKey)),
];
const state = routeKey('state', 'a client state of the route');

/** As Graph does it: data key under the certificate, MAC over the cipher, AES-256-CBC. */
const encrypt = (
  resource: unknown,
  id = 'cert-2',
  key: KeyObject = current.publicKey,
  dataKey = randomBytes(32),
) => {
  const cipher = createCipheriv('aes-256-cbc', dataKey, dataKey.subarray(0, 16));
  const text = typeof resource === 'string' ? resource : JSON.stringify(resource);
  const data = Buffer.concat([cipher.update(text), cipher.final()]);
  return {
    data: data.toString('base64'),
    dataSignature: createHmac('sha256', dataKey).update(data).digest('base64'),
    dataKey: publicEncrypt(
      { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
      dataKey,
    ).toString('base64'),
    encryptionCertificateId: id,
    encryptionCertificateThumbprint: '07293748CC064953A3052FB978C735FB89E61C3D',
  };
};
const person = { '@odata.type': '#microsoft.graph.user', id: '1', displayName: 'Mona Kane' };
const item = (more: object = {}) => ({
  subscriptionId: '76222963-cc7b-42d2-882d-8aaa69cb2ba3',
  changeType: 'updated',
  tenantId: tenant,
  resource: 'users/1',
  encryptedContent: encrypt(person),
  ...more,
});
const check = async (
  value: unknown,
  more: Readonly<{ tokens?: unknown; keys?: typeof keys; answer?: string | null }> = {},
) => {
  const fetcher = tableFetcher({ [jwksUri]: more.answer === undefined ? published : more.answer });
  const tokens = 'tokens' in more ? more.tokens : [validToken];
  const body = JSON.stringify({ value, validationTokens: tokens });
  const scheme = compiled(graphRich, options, { keys: more.keys ?? keys, fetcher });
  return await scheme.check(receive({ body }), moment);
};

describe('contents', () => {
  it('are opened and given as the message', async () => {
    const verdict = await check([item(), item({ encryptedContent: undefined })]);
    assert.ok(verdict.kind === 'proven');
    assert.equal(verdict.keyId, 'one');
    const { encryptedContent: _cipher, ...plain } = item();
    assert.deepEqual(JSON.parse(String(verdict.contents)), {
      value: [{ ...plain, content: person }, plain],
    });
  });

  it('are opened by the key of their certificate, or by any where none is named so', async () => {
    const cases = [
      [encrypt(person, 'cert-1', older.publicKey), 'proven'],
      [encrypt(person, 'unnamed', older.publicKey), 'proven'],
      [encrypt(person, 'cert-2', older.publicKey), 'refused'],
      [encrypt(person, 'unnamed', pairs.other.publicKey), 'refused'],
    ] as const;
    for (const [encryptedContent, kind] of cases) {
      assert.equal((await check([item({ encryptedContent })])).kind, kind);
    }
  });

  it('are opened by a key in its time only', async () => {
    const ended = keys.map((key) => ({ ...key, until: moment }));
    assert.equal((await check([item()], { keys: ended })).kind, 'refused');
  });

  const good = encrypt(person);
  const flip = (text: string): string => {
    const bytes = Buffer.from(text, 'base64');
    bytes[0] = (bytes[0] as number) ^ 1;
    return bytes.toString('base64');
  };
  for (const [what, over] of [
    ['a changed cipher', { data: flip(good.data) }],
    ['a changed MAC', { dataSignature: flip(good.dataSignature) }],
    ['a short MAC', { dataSignature: good.dataSignature.slice(0, 4) }],
    ['no MAC', { dataSignature: undefined }],
    ['an empty MAC', { dataSignature: '' }],
    ['a changed key', { dataKey: flip(good.dataKey) }],
    ['no key', { dataKey: undefined }],
    ['no cipher', { data: '' }],
    ['half a block', { data: good.data.slice(0, 8) }],
    ['no base64', { data: '<>' }],
  ] as const) {
    it(`with ${what} are refused`, async () => {
      const verdict = await check([item(), item({ encryptedContent: { ...good, ...over } })]);
      assert.equal(verdict.kind === 'refused' && verdict.reason, 'contents that no key opens');
    });
  }

  it('that are no object, or under a short key, are refused', async () => {
    const odd = ['[]', 'text', '{"a":1,"a":2}'].map((text) => encrypt(text));
    const short = { ...good, dataKey: encrypt(person, 'x', current.publicKey).dataKey };
    for (const encryptedContent of [...odd, short, 'text', [], 7]) {
      assert.equal((await check([item({ encryptedContent })])).kind, 'refused');
    }
  });
});

describe('tokens', () => {
  it('must all hold', async () => {
    const variants = {
      'another publisher': await token({ ...claims, appid: application }, pairs.rsa.privateKey),
      'another audience': await token({ ...claims, aud: other }, pairs.rsa.privateKey),
      'another tenant': await token(
        { ...claims, tid: other, iss: `https://sts.windows.net/${other}/` },
        pairs.rsa.privateKey,
      ),
      'an end': await token({ ...claims, exp: 1 }, pairs.rsa.privateKey),
      'another key': await token(claims, pairs.other.privateKey),
    };
    for (const [what, text] of Object.entries(variants)) {
      assert.equal((await check([item()], { tokens: [text] })).kind, 'refused', what);
      assert.equal((await check([item()], { tokens: [validToken, text] })).kind, 'refused', what);
    }
    const newer = await token(
      {
        ...claims,
        iss: `https://login.microsoftonline.com/${tenant}/v2.0`,
        appid: undefined,
        azp: claims.appid,
      },
      pairs.rsa.privateKey,
    );
    assert.equal((await check([item()], { tokens: [validToken, newer] })).kind, 'proven');
  });

  it('must be there, few, and texts', async () => {
    for (const tokens of [undefined, [], null, 'a', [7], [null], ['sallyport-key:one']]) {
      assert.equal((await check([item()], { tokens })).kind, 'refused');
    }
    const many = Array.from({ length: 17 }, () => validToken);
    assert.equal((await check([item()], { tokens: many })).kind, 'refused');
    assert.equal((await check([item()], { answer: null })).kind, 'unavailable');
  });

  it('must name the tenant of each item', async () => {
    for (const tenantId of [other, undefined, null, 7]) {
      assert.equal((await check([item(), item({ tenantId })])).kind, 'refused');
    }
    assert.equal((await check([item({ tenantId: tenant.toUpperCase() })])).kind, 'proven');
  });
});

describe('clientState', () => {
  it('must be that of the route in every item, where the route has one', async () => {
    const withState = [...keys, state];
    const right = item({ clientState: state.text });
    assert.equal((await check([right, right], { keys: withState })).kind, 'proven');
    for (const clientState of [undefined, '', 'other', null, 7, [state.text]]) {
      const verdict = await check([right, item({ clientState })], { keys: withState });
      assert.equal(verdict.kind, 'refused');
    }
  });

  it('lets life cycle notifications pass without tokens, and nothing else', async () => {
    const { encryptedContent: _cipher, ...plain } = item({ clientState: state.text });
    const lifecycle = { ...plain, lifecycleEvent: 'missed' };
    const withState = [...keys, state];
    const bare = { tokens: undefined, keys: withState };
    const verdict = await check([lifecycle], bare);
    assert.equal(verdict.kind === 'proven' && verdict.keyId, 'state');
    assert.equal((await check([lifecycle], { tokens: undefined })).kind, 'refused');
    assert.equal((await check([item({ clientState: state.text })], bare)).kind, 'refused');
    assert.equal((await check([{ ...lifecycle, clientState: 'x' }], bare)).kind, 'refused');
  });
});

describe('what is kept', () => {
  it('holds neither tokens nor clientState, and verifies by its mark', async () => {
    const scheme = compiled(graphRich, options, {
      keys: [...keys, state],
      fetcher: tableFetcher({ [jwksUri]: published }),
    });
    const value = [item({ clientState: state.text })];
    const body = Buffer.from(JSON.stringify({ value, validationTokens: [validToken] }));
    const kept = scheme.withoutSecret?.(body, 'one');
    assert.ok(kept !== undefined);
    assert.ok(!kept.toString().includes(validToken) && !kept.toString().includes(state.text));
    // Marks mean nothing on the wire.
    assert.equal((await scheme.check(receive({ body: kept }), moment)).kind, 'refused');
    const marked = compiled(graphRich, options, {
      keys: keys.map((key) => ({ ...key, text: `sallyport-key:${key.id}` })),
    });
    const verdict = await marked.check(receive({ body: kept }), moment);
    assert.equal(verdict.kind === 'proven' && verdict.keyId, 'kept:one');
    assert.equal((await marked.check(receive({ body }), moment)).kind, 'refused');
  });
});

describe('a route', () => {
  it('without a private key does not compile', () => {
    const open = current.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    assert.match(String(problemOf(graphRich, options, [state])), /private key/);
    assert.match(String(problemOf(graphRich, options, [])), /private key/);
    assert.match(String(problemOf(graphRich, options, [routeKey('a', open)])), /private RSA key/);
    const short = routeKey('a', pemOf(pairs.short.privateKey));
    assert.match(String(problemOf(graphRich, options, [short])), /2048/);
    assert.throws(() => graphRich.options.parse({ application, tenants: ['common'] }));
    assert.throws(() => graphRich.options.parse({ application }));
  });
});

describe('whatever comes', () => {
  it('never throws', async () => {
    const content = fc.record({
      data: fc.oneof(fc.base64String(), fc.jsonValue()),
      dataKey: fc.oneof(fc.base64String(), fc.jsonValue()),
      dataSignature: fc.oneof(fc.base64String(), fc.jsonValue()),
      encryptionCertificateId: fc.jsonValue(),
    });
    const value = fc.oneof(
      fc.jsonValue(),
      fc.array(
        content.map((encryptedContent) => item({ encryptedContent })),
        { minLength: 1 },
      ),
    );
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        assert.equal((await check(given)).kind, 'refused');
      }),
      { numRuns: 100 },
    );
  });
});
