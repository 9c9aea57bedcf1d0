/** A real SCIM server (SCIMMY) discovered, pinned and paged through by cursor. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { discover } from '../../src/commands/discover.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';

const base = '/scim/sandbox';
const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';

describe('a real server', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
    for (const name of ['ann', 'ben', 'cat']) {
      const body = { schemas: [userUrn], userName: `${name}@example.com` };
      const made = await fixture.ask('POST', `${base}/Users`, { body });
      assert.equal(made.status, 201, made.text);
    }
  });
  after(() => fixture.stop());

  it('declares schemas that can be pinned and loaded', async () => {
    const found = await discover(fixture.gateway.context.snapshot(), 'sandbox');
    assert.ok('text' in found, JSON.stringify(found));
    const { schemas } = JSON.parse(found.text) as { schemas: readonly { id: string }[] };
    assert.ok(schemas.some(({ id }) => id === userUrn));
    await writeFile(join(fixture.directory, 'sandbox.json'), found.text);
    await fixture.rewrite((text) =>
      text.replace('    timeout: 5s\n', '    timeout: 5s\n    schemas: sandbox.json\n'),
    );
    await fixture.gateway.reload();
    assert.deepEqual(fixture.gateway.status().problems, []);
  });

  it('is read by cursor to its end, whatever it knows of cursors', async () => {
    const names = new Set<string>();
    let cursor: unknown = '';
    for (let pages = 0; typeof cursor === 'string' && pages < 9; pages++) {
      const page = await fixture.ask('GET', `${base}/Users?count=2&cursor=${cursor}`);
      assert.equal(page.status, 200, page.text);
      for (const { userName } of page.body['Resources'] as readonly { userName: string }[]) {
        assert.ok(!names.has(userName), 'nobody comes twice');
        names.add(userName);
      }
      cursor = page.body['nextCursor'];
    }
    const all = ['ann@example.com', 'ben@example.com', 'cat@example.com'];
    assert.deepEqual(names, new Set(all));
  });
});
