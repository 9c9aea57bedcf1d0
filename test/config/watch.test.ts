import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import type { Clock } from '../../src/clock.ts';
import { filesOnDisk } from '../../src/config/files-on-disk.ts';
import { watchConfig, type FileState } from '../../src/config/watch.ts';

/** A clock whose timers run when told, one at a time. */
const manualClock = () => {
  let time = 0;
  const timers: { at: number; run: () => void }[] = [];
  const clock: Clock = {
    now: () => time,
    monotonic: () => time,
    after: (ms, run) => {
      timers.push({ at: time + ms, run });
      return { cancel: () => timers.splice(0) };
    },
  };
  /** Runs the next timer and waits until it armed another one. */
  const step = async (): Promise<void> => {
    for (let turn = 0; timers.length === 0 && turn < 10_000; turn += 1) await nextTurn();
    const due = timers.shift();
    assert.ok(due !== undefined, 'no timer was armed');
    time = due.at;
    due.run();
    for (let turn = 0; timers.length === 0 && turn < 10_000; turn += 1) await nextTurn();
  };
  return { clock, step, idle: () => timers.length === 0 };
};

const watching = (files: string[], stateOf?: FileState, patterns: [string, string][] = []) => {
  const { clock, step, idle } = manualClock();
  let changes = 0;
  const watch = watchConfig({
    files,
    patterns,
    clock,
    listFiles: filesOnDisk.listFiles,
    onChange: () => (changes += 1),
    ...(stateOf === undefined ? {} : { stateOf }),
  });
  const steps = async (count: number): Promise<number> => {
    for (let index = 0; index < count; index += 1) await step();
    return changes;
  };
  return { watch, steps, idle };
};

test('fires once, a second after the last change', async () => {
  const states = new Map<string, string | null>([['a', '1']]);
  const { watch, steps } = watching(['a'], (path) => Promise.resolve(states.get(path) ?? null));
  assert.equal(await steps(4), 0);
  states.set('a', '2');
  assert.equal(await steps(2), 0);
  states.set('a', '3');
  assert.equal(await steps(2), 0, 'it moved again half a second ago');
  assert.equal(await steps(1), 1);
  assert.equal(await steps(5), 1);
  states.set('a', '4');
  await steps(1);
  states.set('a', '3');
  assert.equal(await steps(5), 1, 'changed and changed back');
  states.delete('a');
  assert.equal(await steps(3), 2, 'a vanished file is a change');
  watch.stop();
});

test('follows other files without forgetting what it knows', async () => {
  const states = new Map<string, string | null>([
    ['a', '1'],
    ['b', '1'],
  ]);
  const { watch, steps, idle } = watching(['a'], (path) =>
    Promise.resolve(states.get(path) ?? null),
  );
  assert.equal(await steps(3), 0);
  states.set('a', '2');
  watch.follow({ files: ['a', 'b'] });
  assert.equal(await steps(4), 1, 'the change of a was not taken for its first state');
  states.set('b', '2');
  assert.equal(await steps(4), 2);
  watch.stop();
  assert.ok(idle());
});

test('sees atomic renames, swapped symlinks and new files of a pattern', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-watch-'));
  try {
    const file = join(folder, 'gateway.yaml');
    await writeFile(file, 'a: 1');
    await mkdir(join(folder, 'v1'));
    await mkdir(join(folder, 'v2'));
    await writeFile(join(folder, 'v1/secret'), 'one');
    await writeFile(join(folder, 'v2/secret'), 'two');
    await symlink('v1', join(folder, '..data'));
    await symlink('..data/secret', join(folder, 'secret'));
    const { watch, steps } = watching([file, join(folder, 'secret')], undefined, [
      [folder, 'teams/*.yaml'],
    ]);
    assert.equal(await steps(4), 0);
    await writeFile(`${file}.new`, 'a: 2');
    await rename(`${file}.new`, file);
    assert.equal(await steps(4), 1);
    await symlink('v2', join(folder, '..new'));
    await rename(join(folder, '..new'), join(folder, '..data'));
    assert.equal(await steps(4), 2);
    await mkdir(join(folder, 'teams'));
    await writeFile(join(folder, 'teams/a.yaml'), '{}');
    assert.equal(await steps(4), 3);
    watch.stop();
  } finally {
    await rm(folder, { recursive: true });
  }
});
