import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { profileSettings } from '../../../src/identity/attributes/settings.ts';
import { normalisers } from '../../../src/identity/attributes/table.ts';

const ruleOf = (rule: unknown) => {
  const parsed = profileSettings.safeParse({ users: { title: [rule] } });
  return parsed.success ? parsed.data['users']?.['title']?.[0] : z.prettifyError(parsed.error);
};
const always = ['create', 'replace', 'patch'];

test('a rule is a bare word, or a name with options; `else` and `on` stand beside or inside', () => {
  assert.deepEqual(ruleOf('trim'), { rule: 'trim', options: {}, otherwise: 'refuse', on: always });
  const phone = { rule: 'phone', options: { country: 'DE' }, otherwise: 'keep', on: ['create'] };
  assert.deepEqual(ruleOf({ phone: { country: 'DE', else: 'keep', on: ['create'] } }), phone);
  assert.deepEqual(ruleOf({ phone: { country: 'DE' }, else: 'keep', on: ['create'] }), phone);
  assert.deepEqual(ruleOf({ default: '"x"' }), {
    rule: 'default',
    options: '"x"',
    otherwise: 'keep',
    on: ['create'],
  });
  assert.deepEqual(ruleOf({ map: { A: 'B', else: 'drop' } }), {
    rule: 'map',
    options: { A: 'B' },
    otherwise: 'drop',
    on: always,
  });
});

test('what is not in the table, or not an option of its rule, is an error that says what is', () => {
  for (const rule of ['trin', 'map', 'constructor', { trin: {} }, { trim: {}, nfc: {} }, {}, 1]) {
    assert.match(
      JSON.stringify(ruleOf(rule)),
      /a rule is one of trim, nfc|one name with its options/,
    );
  }
  assert.match(JSON.stringify(ruleOf({ phone: { countri: 'DE' } })), /countri/);
  assert.match(JSON.stringify(ruleOf({ trim: { else: 'maybe' } })), /else/);
  assert.match(JSON.stringify(ruleOf({ trim: { on: [] } })), /on/);
  assert.ok(!profileSettings.safeParse({ Users: {} }).success);
  assert.ok(!profileSettings.safeParse({ users: { title: [] } }).success);
});

test('the JSON Schema lists every rule of the table', () => {
  const text = JSON.stringify(z.toJSONSchema(profileSettings, { io: 'input' }));
  for (const { name, title, bare } of Object.values(normalisers)) {
    assert.ok(text.includes(`"${name}":{`), name);
    assert.ok(text.includes(title), title);
    assert.equal(/"enum":\["trim"[^\]]*\]/.exec(text)?.[0].includes(`"${name}"`), bare, name);
  }
});
