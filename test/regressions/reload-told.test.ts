/**
 * A reload that was refused because it needs a restart, or that failed in the store, was told nowhere;
 * and what waited for a person could still be applied after it had been taken out of the file.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Loaded } from '../../src/config/load.ts';
import { makeReloader } from '../../src/config/reloader.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { load, small } from '../config/loading.ts';

const env = { T1_TOKEN: 'a-token-of-a-target' };
const loaded = (text: string): Promise<Loaded> => load(text, { env, resolve: true });
const served = small();
const wider = served.replace('[read, update]', '[read, update, delete]');
const elsewhere = served.replace('data/s.db', 'data/other.db');

const setUp = async (activate: () => Promise<void> = () => Promise.resolve()) => {
  const told: { accepted: boolean; problems: readonly string[] }[] = [];
  const file = { text: served };
  const { snapshot } = await loaded(served);
  assert.ok(snapshot !== null);
  const reloader = makeReloader(
    {
      load: () => loaded(file.text),
      activate,
      observe: ({ accepted, problems }) => told.push({ accepted, problems }),
      loaded: () => undefined,
    },
    { snapshot: snapshot satisfies Snapshot, problems: [], lastGood: false },
  );
  return { told, file, reloader };
};

describe('a reload', () => {
  for (const [name, text] of [
    ['a file that is no longer good', 'version: 1\nnonsense: true\n'],
    ['a change that needs a restart', elsewhere],
  ] as const) {
    it(`drops what waited when it meets ${name}`, async () => {
      const { file, reloader } = await setUp();
      file.text = wider;
      assert.notEqual((await reloader.reload('file')).waiting, null);
      file.text = text;
      assert.equal((await reloader.reload('file')).waiting, null);
      assert.equal(await reloader.apply(null, 'alice@example.com'), null);
    });
  }

  it('tells that a change needs a restart', async () => {
    const { file, reloader, told } = await setUp();
    file.text = elsewhere;
    await reloader.reload('person');
    assert.equal(told[0]?.accepted, false);
    assert.match(String(told[0]?.problems[0]), /store needs a restart/);
  });

  it('tells that a change could not be put in force', async () => {
    const { file, reloader, told } = await setUp(() => Promise.reject(new Error('disk')));
    file.text = wider;
    await assert.rejects(reloader.reload('person'), /disk/);
    assert.equal(told[0]?.accepted, false);
    assert.match(String(told[0]?.problems[0]), /still serves/);
    assert.equal(reloader.status().problems.length, 1);
  });
});
