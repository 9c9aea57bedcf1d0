/** What is passed on is what came in: contents that were decrypted are read, never sent. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KeptEvent } from '../../src/deliveries/kept-event.ts';
import { bytesOfItem, readKept } from '../../src/deliveries/read-kept.ts';
import { compileReader } from '../../src/identity/events/compile-reader.ts';

const readerOf = (sender: string) => {
  const reader = compileReader({ sender, event: null });
  assert.ok('read' in reader);
  return reader;
};

const at = 1_700_000_000_000;
const item = (id: string, more: object) => ({
  changeType: 'updated',
  resource: `users/${id}`,
  resourceData: { id },
  ...more,
});

const keptOf = (body: unknown, contents: unknown): KeptEvent => ({
  method: 'POST',
  url: 'https://gw.example.com/hooks/graph',
  path: '/hooks/graph',
  query: '',
  headers: {},
  messageId: null,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  contents: contents === null ? null : Buffer.from(JSON.stringify(contents)),
});

const passed = (sender: string, kept: KeptEvent, index: number): string => {
  const reader = readerOf(sender);
  const read = readKept(reader, kept, at);
  assert.ok('events' in read);
  return bytesOfItem(reader, kept, read, { item: index, at }).toString();
};

describe('an item of a batch', () => {
  const cipher = (id: string) => ({ encryptedContent: { data: `cipher-${id}` } });
  const clear = (id: string) => ({ content: { jobTitle: `clear-${id}` } });
  const outer = { value: ['a', 'b'].map((id) => item(id, cipher(id))), validationTokens: ['mark'] };
  const inner = { value: ['a', 'b'].map((id) => item(id, clear(id))) };

  it('goes in its envelope, encrypted as it came', () => {
    const text = passed('ms-graph-rich', keptOf(outer, inner), 1);
    assert.match(text, /cipher-b/);
    assert.doesNotMatch(text, /clear-|cipher-a/);
    assert.deepEqual(Object.keys(JSON.parse(text) as object), ['value', 'validationTokens']);
  });

  it('is read decrypted', () => {
    const read = readKept(readerOf('ms-graph-rich'), keptOf(outer, inner), at);
    assert.ok('events' in read);
    assert.match(JSON.stringify(read.events[0]?.raw), /clear-a/);
  });

  it('goes with the whole where the body cannot be cut in the same places', () => {
    for (const body of ['ey.token.sig', { value: [item('a', cipher('a'))] }]) {
      const kept = keptOf(body, inner);
      assert.equal(passed('ms-graph-rich', kept, 1), kept.body.toString());
    }
  });

  it('is cut out of the body where that is all there is', () => {
    const text = passed('ms-graph', keptOf(outer, null), 0);
    assert.match(text, /cipher-a/);
    assert.doesNotMatch(text, /cipher-b/);
  });
});
