import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { initFiles } from '../../src/commands/init.ts';
import { reportCheck } from '../../src/commands/check.ts';
import { filesOnDisk } from '../../src/config/files-on-disk.ts';
import { loadConfig } from '../../src/config/load.ts';

test('init writes a route file that loads with its keys, and overwrites nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-init-'));
  try {
    const names = ['gateway.yaml', 'gateway.schema.json', 'data/store.key', 'data/checkpoint.key'];
    const first = await initFiles(folder);
    assert.deepEqual(
      first,
      names.map((name) => ({ path: join(folder, name), written: true })),
    );
    for (const name of ['data/store.key', 'data/checkpoint.key'])
      assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
    const path = join(folder, 'gateway.yaml');
    const input = { ...filesOnDisk, path, resolve: true, now: Date.parse('2026-12-01T00:00:00Z') };
    const loaded = await loadConfig({ ...input, env: { SUITE_SCIM_TOKEN: 'x' } });
    assert.deepEqual(reportCheck(loaded), { ok: true, lines: ['0 problems, 0 warnings'] });
    assert.equal(loaded.snapshot?.store.encryptionKeys[0]?.length, 32);
    const unset = reportCheck(await loadConfig({ ...input, env: {} }));
    assert.equal(unset.ok, false);
    assert.match(
      unset.lines[0] ?? '',
      /SUITE_SCIM_TOKEN is not set \(targets\.suite\.auth\[0\]\)$/,
    );
    assert.equal(unset.lines.at(-1), '1 problem, 0 warnings');

    const before = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
    await writeFile(path, 'mine');
    const second = await initFiles(folder);
    assert.ok(second.every(({ written }) => !written));
    assert.equal(await readFile(path, 'utf8'), 'mine');
    assert.equal(await readFile(join(folder, 'data/store.key'), 'utf8'), before[2]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
