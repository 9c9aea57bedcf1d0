/** URLs of the store and of shared limits: what they say, and that what is wrong is never repeated. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  readLimitsUrl,
  readStoreUrl,
  withoutCredentials,
  type StoreUrl,
} from '../../src/config/store-url.ts';

const postgres = (more: Partial<StoreUrl & { engine: 'postgres' }>): StoreUrl => ({
  engine: 'postgres',
  host: 'db.example.com',
  port: 5_432,
  database: 'gw',
  schema: 'sallyport',
  tls: 'verify',
  caPath: null,
  ...more,
});

test('where a store lies', () => {
  const rows: readonly (readonly [string, StoreUrl])[] = [
    ['sqlite:data/s.db', { engine: 'sqlite', path: 'data/s.db' }],
    ['sqlite:/var/lib/s@1.db', { engine: 'sqlite', path: '/var/lib/s@1.db' }],
    ['postgres://db.example.com/gw', postgres({})],
    ['postgresql://db.example.com:6000/gw', postgres({ port: 6_000 })],
    ['postgres://localhost/gw', postgres({ host: 'localhost', tls: 'off' })],
    ['postgres://127.0.0.1/gw', postgres({ host: '127.0.0.1', tls: 'off' })],
    ['postgres://[::1]:7/gw', postgres({ host: '::1', port: 7, tls: 'off' })],
    ['postgres://[2001:db8::1]/gw', postgres({ host: '2001:db8::1' })],
    [
      'postgres://%2Fvar%2Frun%2Fpostgresql/gw',
      postgres({ host: '/var/run/postgresql', tls: 'off' }),
    ],
    ['postgres://db.example.com/g%20w', postgres({ database: 'g w' })],
    ['postgres://localhost/gw?sslmode=verify-full', postgres({ host: 'localhost' })],
    [
      'postgres://db.example.com/gw?sslmode=require&schema=a_1',
      postgres({ tls: 'require', schema: 'a_1' }),
    ],
    ['postgres://db.example.com/gw?sslmode=disable', postgres({ tls: 'off' })],
    ['postgres://db.example.com/gw?sslrootcert=ca%2Fdb.pem', postgres({ caPath: 'ca/db.pem' })],
  ];
  for (const [text, value] of rows) assert.deepEqual(readStoreUrl(text), { value }, text);
});

test('where rates are counted', () => {
  const at = { host: 'r.example.com', port: 6_379, database: 0, tls: false };
  assert.deepEqual(readLimitsUrl('redis://r.example.com'), { value: at });
  assert.deepEqual(readLimitsUrl('redis://r.example.com/'), { value: at });
  assert.deepEqual(readLimitsUrl('rediss://r.example.com:7000/12'), {
    value: { ...at, port: 7_000, database: 12, tls: true },
  });
  assert.deepEqual(readLimitsUrl('redis://[::1]/1'), {
    value: { ...at, host: '::1', database: 1 },
  });
  for (const wrong of [
    'redis://',
    'redis:///1',
    'redis://a/x',
    'redis://a/1?b',
    'redis://%2Frun/1',
    'http://a',
  ])
    assert.ok('problem' in readLimitsUrl(wrong), wrong);
});

test('what no store could be', () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ['', /^write sqlite:/],
    ['mysql://db/gw', /^write sqlite:/],
    ['sqlite:', /path of a file/],
    ['sqlite:a?mode=ro', /without \? and #/],
    ['postgres:db/gw', /^write sqlite:/],
    ['postgres://db', /^write sqlite:/],
    ['postgres://db/', /no database/],
    ['postgres:///gw', /no host/],
    ['postgres://a,b/gw', /no host/],
    ['postgres://a:0/gw', /no host/],
    ['postgres://a:65536/gw', /no host/],
    ['postgres://%2/gw', /no host/],
    ['postgres://db/gw#x', /no #/],
    ['postgres://u:p@db/gw', /write user: and password: beside it/],
    ['postgres://u:p/w@db/gw', /write user: and password: beside it/],
    ['postgres://db/gw?password=x', /write user: and password: beside it/],
    ['postgres://db/gw?application_name=x', /schema, sslmode and sslrootcert alone/],
    ['postgres://db/gw?schema=a&schema=b', /schema stands twice/],
    ['postgres://db/gw?schema=', /schema says nothing/],
    ['postgres://db/gw?schema=pg_x', /^schema: /],
    ['postgres://db/gw?schema=A', /^schema: /],
    ['postgres://db/gw?sslmode=prefer', /^sslmode is one of: disable, require, verify-full$/],
    ['postgres://db/gw?sslmode=require&sslrootcert=a', /only looked at with sslmode=verify-full/],
  ];
  for (const [text, wanted] of rows) {
    const read = readStoreUrl(text);
    assert.match('problem' in read ? read.problem : 'read', wanted, text);
  }
});

const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });

test('whatever is written as a place comes back as it was meant', () => {
  const name = fc
    .stringMatching(/^[a-z_][a-z0-9_]{0,20}$/)
    .filter((text) => !text.startsWith('pg_'));
  const database = part.filter(
    (text) =>
      /^[^\u0000-\u001f\u007f]*$/.test(text) && Buffer.byteLength(text) < 64 && text.isWellFormed(),
  );
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV6(), fc.ipV4(), fc.domain()),
      fc.integer({ min: 1, max: 65_535 }),
      database,
      name,
      (host, port, db, schema) => {
        const at = host.includes(':') ? `[${host}]` : host;
        const read = readStoreUrl(
          `postgres://${at}:${port}/${encodeURIComponent(db)}?schema=${schema}&sslmode=require`,
        );
        assert.deepEqual(read, {
          value: postgres({ host, port, database: db, schema, tls: 'require' }),
        });
      },
    ),
  );
});

test('a problem never repeats what was written, nor does the text made for people', () => {
  const canary = 'CANARY7f31';
  const around = fc.string({ unit: 'binary', maxLength: 30 });
  const scheme = fc.constantFrom('postgres://', 'postgresql://', 'redis://', 'rediss://');
  fc.assert(
    fc.property(scheme, around, around, around, (begin, before, after, host) => {
      const text = `${begin}${before}:${canary}${after}@${host}`;
      for (const read of [readStoreUrl(text), readLimitsUrl(text)]) {
        assert.ok('problem' in read);
        assert.ok(!read.problem.includes(canary));
      }
      assert.ok(!withoutCredentials(text).includes(canary));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      readStoreUrl(text);
      readLimitsUrl(text);
    }),
  );
  assert.equal(
    withoutCredentials('postgres://h/d?password=x&schema=a'),
    'postgres://h/d?password=&schema=a',
  );
  assert.equal(withoutCredentials('https://u:p@h/a@b'), 'https://h/a@b');
  assert.equal(withoutCredentials('https://h/a@b'), 'https://h/a@b');
  assert.equal(withoutCredentials('sqlite:/a@b'), 'sqlite:/a@b');
});
