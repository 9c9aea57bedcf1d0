import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { readCheckpoint, signCheckpoint } from '../../src/ledger/checkpoints.ts';
import { splitNotes } from '../../src/ledger/signed-note.ts';
import { checkpointKeys, inFolder, intent, withLedger } from './fixture.ts';

const { publicKey, privateKey } = checkpointKeys;
const checkpoint = {
  environment: 'test',
  writer: '0badcafe',
  size: 42,
  digest: Buffer.alloc(32, 5),
  at: 1_700_000_000_000,
};

void suite('a checkpoint', () => {
  void test('is a signed note that reads back', () => {
    const note = signCheckpoint(checkpoint, privateKey);
    assert.equal(
      note.split('\n').slice(0, 5).join('\n'),
      `sallyport/test/0badcafe\n42\n${checkpoint.digest.toString('base64')}\n2023-11-14T22:13:20.000Z\n`,
    );
    assert.deepEqual(readCheckpoint(note, publicKey), { ...checkpoint, signed: true });
    assert.equal(readCheckpoint(note, null)?.signed, null);
    assert.equal(readCheckpoint(note, generateKeyPairSync('ed25519').publicKey)?.signed, false);
  });

  void test('shows every changed character', () => {
    const note = signCheckpoint(checkpoint, privateKey);
    for (let at = 0; at < note.length; at += 1) {
      const other = note[at] === '1' ? '2' : '1';
      const read = readCheckpoint(note.slice(0, at) + other + note.slice(at + 1), publicKey);
      assert.notEqual(read?.signed, true, `character ${at}`);
    }
  });

  void test('is found among others in one text', () => {
    const notes = [1, 2, 3].map((size) => signCheckpoint({ ...checkpoint, size }, privateKey));
    assert.deepEqual(splitNotes(notes.join('')), notes);
    assert.deepEqual(splitNotes(notes.join('\n')), notes);
    assert.deepEqual(splitNotes(notes.join('\n').replaceAll('\n', '\r\n')), notes);
    assert.deepEqual(splitNotes(''), []);
  });

  void test('goes to the log and to a file, only when something was written, and at stop', () =>
    inFolder(async (folder) => {
      const path = `${folder}/checkpoints.txt`;
      const to = [{ kind: 'log' }, { kind: 'file', path }, { kind: 'file', path: folder }] as const;
      const notes: unknown[] = [];
      await withLedger(
        async ({ ledger, heard }) => {
          assert.equal(await ledger.checkpoint(), null);
          await ledger.open(intent(), { revocation: false });
          const note = await ledger.checkpoint();
          assert.equal(readCheckpoint(note ?? '', publicKey)?.size, 1);
          assert.equal(await ledger.checkpoint(), null);
          const events = heard.notes.map(({ event }) => event);
          assert.deepEqual(events.toSorted(), [
            'ledger.checkpoint',
            'ledger.checkpoint.undelivered',
            'ledger.checkpoint.unreadable',
          ]);
          notes.push(note);
          await ledger.open(intent(), { revocation: false });
        },
        { checkpoints: { everyMs: 3_600_000, to } },
      );
      const written = splitNotes(await readFile(path, 'utf8'));
      assert.equal(written[0], notes[0]);
      assert.deepEqual(
        written.map((note) => readCheckpoint(note, publicKey)?.size),
        [1, 2],
      );
    }));
});
