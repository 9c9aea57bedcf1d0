/** Versions in a Bulk, and what a target that hides its answers leaves known (RFC 7644 §3.7, §3.14). */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inShort, operationExtension, post, resultsOf, sendBulk } from '../support/bulk-calls.ts';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { base, group, user } from '../support/scim-calls.ts';
import { startStubTarget, type StubCall, type StubTarget } from '../support/stub-target.ts';

describe('versions in a Bulk', () => {
  let stub: StubTarget;
  let fixture: Fixture;
  let made = 0;
  before(async () => {
    const held = new Map<string, object>();
    stub = await startStubTarget(({ method, path, body }) => {
      const id = method === 'POST' ? `made-${++made}` : String(path.split('/').at(-1));
      if (method === 'POST') held.set(id, { ...(body as object), id, meta: { version: 'W/"1"' } });
      // Accepted, to be made later: whether and under which id is not known.
      if (JSON.stringify(body).includes('versions-slow')) return { status: 202, body: null };
      if (method === 'PATCH' || method === 'DELETE') return { status: 204, body: null };
      return { status: method === 'POST' ? 201 : 200, body: held.get(id) };
    });
    fixture = await startFixture({
      // Who does not see every group is told no version.
      config: () =>
        mainConfig(stub.url)
          .replace('before: capture', 'before: needed')
          .replace(', except: ["*-admins"]', ''),
    });
  });
  after(async () => {
    await fixture.stop();
    await stub.stop();
  });

  it('sends `version` as If-Match, and tells the version of what was made', async () => {
    const answer = await sendBulk(fixture, [
      post('u', '/Users', user('versioned@example.com')),
      { method: 'DELETE', path: '/Users/1', version: 'W/"7"' },
    ]);
    const results = resultsOf(answer);
    assert.deepEqual(inShort(results), ['POST u 201', 'DELETE 204']);
    assert.equal(results[0]?.version, 'W/"1"');
    assert.equal(results[1]?.version, undefined);
    const sent = stub.calls.find(({ method }) => method === 'DELETE');
    assert.equal(sent?.headers['if-match'], 'W/"7"');
  });

  it('tells no version of a create that a PATCH has completed, and finds it all the same', async () => {
    const results = resultsOf(
      await sendBulk(fixture, [
        post('a', '/Groups', group('versions-a', ['bulkId:b'])),
        post('b', '/Groups', group('versions-b', ['bulkId:a'])),
      ]),
    );
    const [a, b] = results;
    assert.deepEqual(inShort(results), ['POST a 201', 'POST b 201']);
    assert.equal(a?.version, 'W/"1"');
    assert.equal(b?.version, undefined, 'the version it was made with is over');
    assert.match(String(b?.location), new RegExp(`${base}/Groups/made-[0-9]+$`));
    assert.match(String(b?.[operationExtension]?.completionLedgerId), /^led_/);
    const patched = stub.calls.findLast(({ method }) => method === 'PATCH');
    const { Operations: added } = (patched as StubCall).body as { Operations: unknown };
    const id = String(a?.location?.split('/').at(-1));
    assert.deepEqual(added, [{ op: 'add', path: 'members', value: [{ value: id }] }]);
  });

  it('answers 409 where the target does not say under which id it will make it', async () => {
    const results = resultsOf(
      await sendBulk(fixture, [
        post('a', '/Groups', group('versions-c', ['bulkId:b'])),
        post('b', '/Groups', group('versions-slow', ['bulkId:a'])),
      ]),
    );
    assert.deepEqual(inShort(results), ['POST a 409', 'POST b 409']);
    assert.match(String(results[1]?.response?.['detail']), /does not say under which id/);
    assert.match(String(results[1]?.[operationExtension]?.ledgerId), /^led_/);
    assert.equal(results[1]?.location, undefined);
  });
});
