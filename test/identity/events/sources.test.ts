import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileReader } from '../../../src/identity/events/compile-reader.ts';
import { eventKinds, type LifecycleEvent } from '../../../src/identity/events/event.ts';
import { mappingOf, mappings } from '../../../src/identity/events/table.ts';
import { senders } from '../../../src/signatures/table.ts';
import { payloads, type Payload } from './payloads.ts';

const read = ({ sender, body, headers = {}, zone }: Payload): readonly LifecycleEvent[] => {
  const reader = compileReader({ sender, event: zone === undefined ? null : { zone } });
  assert.ok(!('problems' in reader));
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const events = reader.read({ text, headers, receivedAt: Date.UTC(2030, 0, 1), messageId: null });
  assert.ok(!('unreadable' in events), JSON.stringify(events));
  return events.events;
};

describe('sources', () => {
  for (const payload of payloads) {
    test(payload.title, () => {
      const events = read(payload);
      assert.equal(events.length, payload.events.length);
      payload.events.forEach((wanted, index) => {
        const event = events[index] as Readonly<Record<string, unknown>>;
        const got = Object.fromEntries(Object.keys(wanted).map((name) => [name, event[name]]));
        assert.deepEqual(got, wanted, `event ${index}`);
      });
    });
  }

  test('each has a payload here', () => {
    const tried = new Set(payloads.map(({ sender }) => mappingOf(sender).name));
    assert.deepEqual(
      mappings.map(({ name }) => name).filter((name) => !tried.has(name)),
      [],
    );
  });

  test('each sender has its mapping, or is known to say nothing of a lifecycle', () => {
    const without = Object.keys(senders).filter((sender) => mappingOf(sender).name === 'generic');
    assert.deepEqual(
      without.sort((a, b) => a.localeCompare(b)),
      [
        'auth0-actions',
        'discord',
        'entra-custom-extension',
        'fusionauth',
        'gitlab',
        'greenhouse',
        'http-signature',
        'jira',
        'jwt',
        'logto',
        'okta-inline-hook',
        'pagerduty',
        'persona',
        'seek',
        'sendgrid',
        'shopify',
        'stripe',
        'twilio',
        'workato',
        'zendesk',
        'zoom',
      ],
    );
    for (const sender of mappings.flatMap((mapping) => mapping.senders)) {
      assert.ok(sender === 'custom' || Object.hasOwn(senders, sender), sender);
    }
  });

  test('no two claim one sender, and each says where it was read', () => {
    const names = mappings.flatMap(({ name, senders }) => [name, ...senders]);
    assert.equal(new Set(names).size, names.length);
    for (const { source, note } of mappings) assert.ok(source.length > 3 && note.length > 10);
  });

  test('kinds are the known ones, and a payload gives the same twice', () => {
    for (const payload of payloads) {
      const [first, again] = [read(payload), read(payload)];
      assert.deepEqual(first, again);
      for (const { kind } of first) assert.ok((eventKinds as readonly string[]).includes(kind));
    }
  });
});
