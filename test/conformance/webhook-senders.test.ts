/** Every sender of the table: what is promised of all of them, and of each by what it says of itself. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { senderTable } from '../../src/signatures/sender-table.ts';
import type { Place } from '../../src/signatures/sender.ts';
import { webhookSettings } from '../../src/signatures/settings.ts';
import { schemes, senders } from '../../src/signatures/table.ts';
import { problemsWith } from '../signatures/receivers.ts';

const day = 86_400_000;
const list = Object.values(senders);
const bodyless: ReadonlySet<string> = new Set(['static', 'body-token']);

const lowerCase = (at: Place | null | undefined): boolean =>
  at === null || at === undefined || !('header' in at) || at.header === at.header.toLowerCase();

describe('the tables', () => {
  it('hold every row under its own name, and nothing else', () => {
    assert.ok(list.length >= 45);
    assert.equal(Object.getPrototypeOf(senders), null);
    assert.equal(Object.getPrototypeOf(schemes), null);
    for (const [name, row] of Object.entries(senders)) assert.equal(row.name, name);
    for (const [name, row] of Object.entries(schemes)) assert.equal(row.name, name);
    assert.equal(senders['custom'], undefined);
    assert.equal(new Set(list.map(({ title }) => title)).size, list.length);
  });

  it('know no scheme without a key', () => {
    for (const { name, keys } of Object.values(schemes)) assert.notEqual(keys, 'none', name);
  });

  it('say in the README what the code does', () => {
    const [heading = [], ...rows] = senderTable();
    assert.equal(rows.length, list.length);
    for (const row of rows) assert.equal(row.length, heading.length);
    for (const { name, confidence } of list) {
      const row = rows.find(([first]) => first === `\`${name}\``) ?? [];
      assert.equal(row.includes('**unverified**'), confidence === 'unverified', name);
    }
  });

  it('settings of senders: one word means one thing', () => {
    const seen = new Map<string, string>();
    for (const { settings } of list)
      for (const [key, schema] of Object.entries(settings?.shape ?? {})) {
        // What a text of this key may be, whether it must be there or not.
        const accepts = JSON.stringify(
          ['text', ['text'], 1, {}, 'https://a.example/k'].map((value) =>
            typeof schema === 'object' && 'safeParse' in schema
              ? schema.safeParse(value).success
              : null,
          ),
        );
        const before = seen.get(key);
        assert.ok(before === undefined || before === accepts, key);
        seen.set(key, accepts);
      }
    assert.ok(seen.size > 5);
  });
});

for (const sender of list)
  describe(`sender ${sender.name}`, () => {
    const { scheme, id, time, dedupe, settings, toleranceMs, ack } = sender;

    it('has a scheme whose options its own parse with', () => {
      const options = schemes[scheme.name]?.options;
      assert.ok(options !== undefined, scheme.name);
      // What a person must give beside is missing; what stands there is right.
      const parsed = options.safeParse(scheme.options);
      const given = new Set(Object.keys(settings?.shape ?? {}));
      for (const { path } of parsed.error?.issues ?? [])
        assert.ok(given.has(String(path[0])), path.join('.'));
    });

    it('tells repeats by what it has', () => {
      const signsNothing = bodyless.has(scheme.name) || scheme.name === 'jwt';
      if (dedupe.by === 'body') {
        assert.ok(id === null && time === null);
        assert.equal(dedupe.windowMs, 600_000);
      }
      if (dedupe.by === 'id') assert.ok(id !== null && (id.signed || signsNothing));
      if (dedupe.by === 'signature' && time?.signed !== true)
        assert.equal(dedupe.windowMs, 400 * day);
    });

    it('opens a window only where its time is signed', () => {
      if (toleranceMs !== null) assert.equal(time?.signed, true);
    });

    it('is written as messages are read: headers in lower case, an answer of success', () => {
      for (const at of [id?.at, time?.at, sender.sequence, sender.retry]) assert.ok(lowerCase(at));
      for (const name of sender.keeps ?? []) assert.equal(name, name.toLowerCase());
      assert.ok(ack.status >= 200 && ack.status < 300);
      assert.ok(sender.source.length > 5);
    });

    it('does not compile without a key, nor throw for whatever stands in its place', () => {
      const written = { scheme: sender.name };
      const parsed = webhookSettings.safeParse(written);
      if (!parsed.success) {
        assert.ok(parsed.error.issues.every(({ message }) => /needs /.test(message)));
        return;
      }
      if (schemes[scheme.name]?.keys === 'route')
        assert.match(problemsWith(written).join(), /anyone could send/);
      for (const text of ['x', 'whsec_', 'whsk_', 'é'])
        assert.ok(problemsWith(written, text).length > 0, text);
    });

    it('refuses a template, and settings of others', () => {
      const template = { hmac: { parts: ['body'], signature: { header: 'x', encoding: 'hex' } } };
      assert.equal(webhookSettings.safeParse({ scheme: sender.name, template }).success, false);
      if (settings !== null && 'topics' in settings.shape) return;
      const topics = ['arn:aws:sns:eu-west-1:123456789012:hr'];
      const parsed = webhookSettings.safeParse({ scheme: sender.name, topics });
      assert.match(
        (parsed.error?.issues ?? []).map(({ message }) => message).join(),
        /does not take this key/,
      );
    });
  });
