/** Pinned schemas of a target: read, judged, digested and watched like the route file itself. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { widenings } from '../../src/config/widening.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { load, problemsOf, small } from './loading.ts';

const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';
const enterpriseUrn = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const badgeUrn = 'urn:example:params:scim:schemas:extension:badge:2.0:User';
const deviceUrn = 'urn:ietf:params:scim:schemas:core:2.0:Device';

const targets = `  t1:
    baseUrl: https://t1.example.com/scim
    resources: [Devices]
    schemas: schemas/t1.json
`;
const routes = `  r1:
    path: /scim/r1
    scim: t1
    grants:
      - client: c1
        users: { actions: [read, update] }
        devices: { actions: [read, create, update] }
`;
const text = small({ targets, routes });
const badge = {
  id: badgeUrn,
  attributes: [{ name: 'number' }, { name: 'level', mutability: 'readOnly' }],
};
const user = { id: userUrn, attributes: [{ name: 'isAdmin', type: 'boolean' }] };
const file = {
  resourceTypes: [
    { name: 'User', endpoint: '/Users', schema: userUrn, schemaExtensions: [{ schema: badgeUrn }] },
    { name: 'Device', endpoint: '/Devices', schema: deviceUrn },
  ],
  schemas: [user, badge, { id: deviceUrn, attributes: [{ name: 'serial' }] }],
};

const filesOf = (schemas: unknown, gateway = text) => ({
  'gateway.yaml': gateway,
  'schemas/t1.json': typeof schemas === 'string' ? schemas : JSON.stringify(schemas, null, 2),
});
const snapshotOf = async (schemas: unknown, gateway = text): Promise<Snapshot> => {
  const { snapshot, problems } = await load(filesOf(schemas, gateway));
  assert.deepEqual(problems, []);
  assert.ok(snapshot !== null);
  return snapshot;
};
const widenedBy = async (from: unknown, to: unknown): Promise<readonly string[]> =>
  widenings(await snapshotOf(from), await snapshotOf(to)).map(({ what }) => what);

suite('a schemas file', () => {
  test('describes the types of the routes of its target', async () => {
    const {
      routes: [route],
    } = await snapshotOf(file);
    assert.equal(route?.types['devices']?.name, 'Device');
    assert.ok(route?.types['users']?.extensions[badgeUrn.toLowerCase()]);
  });

  test('is part of the version, whatever way it is written', async () => {
    const one = await snapshotOf(file);
    assert.equal((await snapshotOf(JSON.stringify(file))).version, one.version);
    const without = await snapshotOf({ schemas: [] });
    assert.notEqual(without.version, one.version);
  });

  test('is kept and watched', async () => {
    const loaded = await load(filesOf(file));
    assert.ok(loaded.files.includes('schemas/t1.json'));
    assert.ok(loaded.sources['schemas/t1.json']?.includes(badgeUrn));
    const kept = await load(loaded.sources);
    assert.equal(kept.snapshot?.version, loaded.snapshot?.version);
    const missing = await load(text);
    assert.ok(missing.files.includes('schemas/t1.json'), 'one that comes later is seen');
  });

  test('has its problems told at their lines', async () => {
    assert.deepEqual(await problemsOf(text), [
      'gateway.yaml:18:14: cannot read t1.json; make it with sallyport discover t1 (targets.t1.schemas)',
    ]);
    assert.deepEqual(await problemsOf(filesOf('{\n  "schemas": [{ "id": 7 }]\n}')), [
      'schemas/t1.json:2:15: "attributes" is missing (schemas[0].attributes)',
      'schemas/t1.json:2:23: write text here (in quotes if it looks like a number) (schemas[0].id)',
    ]);
    const loose = { ...file, schemas: [user] };
    const [first, second] = await problemsOf(filesOf(loose));
    assert.match(
      first ?? '',
      /^schemas\/t1\.json:\d+:\d+: this file has no such schema \(resourceTypes\[0\]/,
    );
    assert.match(second ?? '', /resourceTypes\[1\]\.schema/);
    assert.match((await problemsOf(filesOf('[]')))[0] ?? '', /^schemas\/t1\.json:1:1: /);
    const outside = text.replace('schemas/t1.json', '/etc/t1.json');
    assert.match((await problemsOf(filesOf(file, outside)))[0] ?? '', /relative to the route file/);
  });

  test('opens nothing to a grant that does not name it', async () => {
    const covered = async (write: string, name: string): Promise<boolean | undefined> => {
      const gateway = text.replace(
        'update] }\n        devices',
        `update]${write} }\n        devices`,
      );
      const {
        routes: [route],
      } = await snapshotOf(
        {
          ...file,
          schemas: [...file.schemas, { id: enterpriseUrn, attributes: [{ name: 'shift' }] }],
        },
        gateway,
      );
      return route?.grants['c1']?.grants[0]?.rules['users']?.write.covers(name);
    };
    for (const name of ['isAdmin', `${badgeUrn}:number`, `${enterpriseUrn}:shift`]) {
      assert.equal(await covered('', name), false, name);
      assert.equal(await covered(`, write: { only: ["${name}"] }`, name), true, name);
    }
    for (const name of ['title', `${enterpriseUrn}:department`, `${enterpriseUrn}:manager.value`]) {
      assert.equal(await covered('', name), true, name);
    }
  });

  test('makes the core schema of a type of its own writable, as of any other', async () => {
    const {
      routes: [route],
    } = await snapshotOf(file);
    const rule = route?.grants['c1']?.grants[0]?.rules['devices'];
    assert.equal(rule?.write.covers('serial'), true);
    assert.equal(rule?.write.covers(`${badgeUrn}:number`), false);
  });
});

suite('a changed schemas file widens', () => {
  const withUser = (attributes: readonly object[]) => ({
    ...file,
    schemas: [{ id: userUrn, attributes }, ...file.schemas.slice(1)],
  });
  const withBadge = (attributes: readonly object[]) => ({
    ...file,
    schemas: [user, { id: badgeUrn, attributes }, ...file.schemas.slice(2)],
  });

  const cases: readonly (readonly [string, unknown, unknown, readonly string[]])[] = [
    ['nothing where nothing changes', file, JSON.stringify(file), []],
    ['by a new attribute', withUser([]), file, ['users: attributes declared: isAdmin']],
    ['not by one that is gone', file, withUser([]), []],
    [
      'by one that was read-only',
      file,
      withBadge([{ name: 'number' }, { name: 'level' }]),
      [`users: another meaning of ${badgeUrn}:level`],
    ],
    [
      'by one that was read-only and is gone',
      file,
      withBadge([{ name: 'number' }]),
      [`users: nothing said any more of ${badgeUrn}:level`],
    ],
    ['not by one that becomes so', withBadge([{ name: 'number' }, { name: 'level' }]), file, []],
    [
      'by another type',
      file,
      withUser([{ name: 'isAdmin' }]),
      ['users: another meaning of isAdmin'],
    ],
    [
      'not by more that is required',
      withUser([]),
      withUser([{ name: 'title', required: true, mutability: 'readOnly' }]),
      [],
    ],
    [
      'by less',
      withUser([{ name: 'title', required: true }]),
      withUser([]),
      ['users: another meaning of title'],
    ],
    [
      'by a type that is described now',
      { schemas: [user] },
      { ...file, schemas: [user, ...file.schemas.slice(1)] },
      [
        `users: attributes declared: ${badgeUrn}:number, ${badgeUrn}:level`,
        'devices: another schema',
        'devices: attributes declared: serial',
      ],
    ],
    [
      'by a type that is not described any more',
      { ...file, resourceTypes: file.resourceTypes },
      { ...file, resourceTypes: file.resourceTypes.slice(0, 1) },
      ['devices: another schema'],
    ],
  ];
  for (const [what, from, to, expected] of cases) {
    test(what, async () => assert.deepEqual(await widenedBy(from, to), expected));
  }
});
