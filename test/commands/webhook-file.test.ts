/** `check`, `explain` and `diff` on a route file that takes webhooks. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runInProcess } from '../support/run-program.ts';

const example = fileURLToPath(
  new URL('../../config/examples/bamboohr-leaver.yaml', import.meta.url),
);

describe('a route file with webhooks and plans', () => {
  let folder: string;
  let text: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-webhook-file-'));
    text = await readFile(example, 'utf8');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('check --effective prints it as it counts, references as written', async () => {
    const ran = await runInProcess(['check', '--effective', '--config', example]);
    assert.equal(ran.code, 0, ran.err);
    const printed = ran.out.slice(ran.out.indexOf('{'), ran.out.lastIndexOf('}') + 1);
    const effective = JSON.parse(printed) as {
      routes: Record<string, { webhook?: unknown }>;
      plans: object;
    };
    assert.deepEqual(effective.routes['bamboohr']?.webhook, {
      scheme: 'bamboohr',
      secrets: [
        '${env:BAMBOO_WEBHOOK_KEY}',
        { value: '${env:BAMBOO_WEBHOOK_KEY_OLD}', until: '2027-03-31' },
      ],
      tolerance: '5m',
      rate: '600/m',
      silentAfter: '2d',
    });
    assert.deepEqual(Object.keys(effective.plans), ['leaver']);
  });

  it('check --resolve fails where the secrets are not there', async () => {
    const ran = await runInProcess(['check', '--resolve', '--config', example]);
    assert.equal(ran.code, 1);
    assert.match(
      ran.out + ran.err,
      /BAMBOO_WEBHOOK_KEY is not set \(routes\.bamboohr\.webhook\.secrets\[0\]\)/,
    );
  });

  it('explain tells what the client of a plan may do', async () => {
    const explain = ['explain', '--config', example, '--client', 'plan-leaver'];
    const allowed = await runInProcess([...explain, 'DELETE', '/scim/slack/Users/1']);
    assert.match(allowed.out, /decision\s+allow/);
    const denied = await runInProcess([...explain, 'DELETE', '/scim/slack/Groups/1']);
    assert.match(denied.out, /decision\s+deny/);
  });

  it('diff tells what a changed webhook or plan newly allows, and exits with 1', async () => {
    const next = join(folder, 'next.yaml');
    await writeFile(
      next,
      text.replace('tolerance: 5m', 'tolerance: 10m').replace('path: /webhook/hr', 'path: /all'),
    );
    const ran = await runInProcess(['diff', example, next]);
    assert.equal(ran.code, 1);
    assert.match(ran.out, /^\+ \* bamboohr: signed times 600s off$/m);
    assert.match(ran.out, /^\+ \* bamboohr: delivers to n8n\/all$/m);
    assert.equal((await runInProcess(['diff', example, example])).code, 0);
  });
});
