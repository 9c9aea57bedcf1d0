/**
 * Types that only a target knows (RFC 9944 /Devices) through a whole gateway: discovered, pinned,
 * reviewed, and from then on judged, repaired and described by their schema.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runProgram } from '../../src/commands/program.ts';
import { mainConfig, startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { startStubTarget, type StubTarget } from '../support/stub-target.ts';

const base = '/scim/sandbox';
const deviceUrn = 'urn:ietf:params:scim:schemas:core:2.0:Device';
const bleUrn = 'urn:ietf:params:scim:schemas:extension:ble:2.0:Device';
const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
const listUrn = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';

const listOf = (Resources: readonly object[]) => ({
  schemas: [listUrn],
  totalResults: Resources.length,
  Resources,
});
const resourceTypes = listOf([
  {
    name: 'Device',
    endpoint: '/Devices',
    schema: deviceUrn,
    schemaExtensions: [{ schema: bleUrn, required: false }],
  },
]);
const schemas = listOf([
  {
    id: deviceUrn,
    name: 'Device',
    attributes: [
      { name: 'displayName', type: 'string', required: true },
      { name: 'active', type: 'boolean', required: true },
      { name: 'mudUrl', type: 'reference', caseExact: true },
      { name: 'serial', type: 'string', mutability: 'readOnly' },
      { name: 'claimCode', type: 'string', mutability: 'writeOnly', returned: 'never' },
    ],
  },
  {
    id: bleUrn,
    name: 'BLE',
    attributes: [
      { name: 'deviceMacAddress', type: 'string', required: true, mutability: 'immutable' },
      { name: 'versionSupport', type: 'string', multiValued: true },
    ],
  },
]);

const stored = {
  schemas: [deviceUrn, bleUrn],
  id: 'd1',
  displayName: 'Lamp',
  active: true,
  serial: 's-1',
  claimCode: 'never-shown-7',
  meta: { resourceType: 'Device' },
  [bleUrn]: { deviceMacAddress: '2C:54:91:88:C9:E2' },
};

const config = (url: string): string =>
  mainConfig(url)
    .replace('    timeout: 5s\n', '    timeout: 5s\n    resources: [Devices]\n')
    .replace(
      'use: provision }',
      'users: { actions: [read] }, devices: { actions: [read, search, create, update], write: { only: [displayName, active, claimCode, "' +
        bleUrn +
        '"] } } }',
    );

describe('/Devices', () => {
  let target: StubTarget;
  let fixture: Fixture;
  let file = '';
  before(async () => {
    target = await startStubTarget(({ method, path }) => {
      if (path === '/ResourceTypes') return { status: 200, body: resourceTypes };
      if (path === '/Schemas') return { status: 200, body: schemas };
      if (method === 'POST') return { status: 201, body: stored };
      if (path === '/Devices') return { status: 200, body: listOf([stored]) };
      return { status: 200, body: stored };
    });
    fixture = await startFixture({ config: () => config(target.url) });
    file = join(fixture.directory, 'device-schemas.json');
  });
  after(async () => {
    await fixture.stop();
    await target.stop();
  });

  const run = async (...argv: readonly string[]) => {
    const out: string[] = [];
    const errors: string[] = [];
    const context = {
      env: { SANDBOX_TOKEN: targetToken },
      version: '0.0.0',
      write: (written: string) => Promise.resolve(void out.push(written)),
      error: (line: string) => void errors.push(line),
      onSignal: () => undefined,
    };
    const code = await runProgram(context, [...argv, '--config', fixture.configPath]);
    return { code, out: out.join(''), errors: errors.join('\n') };
  };

  it('are discovered with the credential of the gateway, into a file to review', async () => {
    const printed = await run('discover', 'sandbox');
    assert.deepEqual([printed.code, printed.errors], [0, '']);
    const written = await run('discover', 'sandbox', '--write', file);
    assert.equal(written.out, `wrote ${file}\n`);
    assert.equal(await readFile(file, 'utf8'), printed.out);
    assert.equal(target.calls.at(-1)?.headers['authorization'], `Bearer ${targetToken}`);
    assert.ok(!printed.out.includes(targetToken));
    const unknown = await run('discover', 'nobody');
    assert.deepEqual([unknown.code, unknown.errors], [1, 'there is no such target']);
  });

  it('are described by the file once a person has put it in force', async () => {
    await fixture.rewrite((text) =>
      text.replace('    resources:', '    schemas: device-schemas.json\n    resources:'),
    );
    assert.deepEqual((await run('check')).code, 0);
    const { version } = fixture.gateway.status();
    await fixture.gateway.reload();
    assert.notEqual(fixture.gateway.status().version, version);
    assert.deepEqual(fixture.gateway.status().problems, []);
  });

  it('are shown by their schema: what is never returned is not', async () => {
    const shown = await fixture.ask('GET', `${base}/devices/d1`);
    assert.equal(shown.status, 200, shown.text);
    assert.equal(shown.body['serial'], 's-1');
    assert.ok(!shown.text.includes('never-shown-7'));
    const listed = await fixture.ask('GET', `${base}/Devices?filter=ACTIVE%20eq%20true`);
    assert.equal(target.calls.at(-1)?.query.get('filter'), 'active eq true');
    assert.ok(!listed.text.includes('never-shown-7'));
    const nonsense = await fixture.ask('GET', `${base}/Devices?filter=colour%20pr`);
    assert.equal(nonsense.body['scimType'], 'invalidFilter');
  });

  it('are created in canonical form, without what is read-only', async () => {
    const body = {
      schemas: [deviceUrn, bleUrn],
      DisplayName: 'Lamp',
      active: 'True',
      serial: 'mine',
      claimCode: 'c',
      [bleUrn]: { devicemacaddress: '2C:54:91:88:C9:E2' },
    };
    const made = await fixture.ask('POST', `${base}/Devices`, { body });
    assert.equal(made.status, 201, made.text);
    assert.deepEqual(target.calls.at(-1)?.body, {
      schemas: [deviceUrn, bleUrn],
      displayName: 'Lamp',
      active: true,
      claimCode: 'c',
      [bleUrn]: { deviceMacAddress: '2C:54:91:88:C9:E2' },
    });
  });

  it('are changed as their schema and the grant allow', async () => {
    const patch = (path: string, value: unknown) =>
      fixture.ask('PATCH', `${base}/Devices/d1`, {
        body: { schemas: [patchUrn], Operations: [{ op: 'replace', path, value }] },
      });
    assert.equal((await patch('active', false)).status, 200);
    const sent = target.calls.at(-1)?.body as { Operations: readonly unknown[] };
    assert.deepEqual(sent.Operations, [{ op: 'replace', path: 'active', value: false }]);
    for (const [path, value, status, code] of [
      ['serial', 'x', 400, 'value_invalid'],
      ['mudUrl', 'https://x.example', 403, 'attribute_denied'],
      ['colour', 'red', 400, null],
      ['active', 7, 400, 'value_invalid'],
    ] as const) {
      const refused = await patch(path, value);
      assert.equal(refused.status, status, `${path}: ${refused.text}`);
      const extension = refused.body['urn:sallyport:error'] as { code: string };
      if (code !== null) assert.equal(extension.code, code);
    }
  });

  it('are described to clients, and narrower when the file says so', async () => {
    const type = await fixture.ask('GET', `${base}/ResourceTypes`);
    assert.equal(type.body['totalResults'], 1);
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text.replace('"type": "boolean",', '"type": "boolean", "mutability": "readOnly",'),
    );
    await fixture.gateway.reload();
    const body = {
      schemas: [patchUrn],
      Operations: [{ op: 'replace', path: 'active', value: true }],
    };
    const refused = await fixture.ask('PATCH', `${base}/Devices/d1`, { body });
    assert.equal(refused.body['scimType'], 'mutability');
    await writeFile(file, '{ "schemas": 1 }');
    await fixture.gateway.reload();
    assert.match(
      fixture.gateway.status().problems.join(),
      /device-schemas\.json:1:14: write a list/,
    );
    assert.equal((await fixture.ask('GET', `${base}/Devices/d1`)).status, 200);
  });
});
