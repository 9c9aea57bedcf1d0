import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileExpression } from '../../../src/expressions.ts';
import type { Resource } from '../../../src/identity/scim/schema-model.ts';
import { userType } from '../../../src/identity/scim/schemas.ts';
import { emptyView } from '../../../src/identity/scim/view.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const ask = (source: string, resource: Resource | null): unknown => {
  const compiled = compileExpression(source, { after: 'dyn' }, null);
  assert.ok(!('problem' in compiled), source);
  const result = compiled.evaluate({ after: emptyView(resource, userType) });
  return 'value' in result ? result.value : result;
};

test('absent attributes of the schemas read as empty', () => {
  const empties = [
    'after.title == ""',
    'after.active == false',
    'after.emails == []',
    'after.name.givenName == ""',
    'after.meta.created == ""',
    `after["${enterprise}"].manager.value == ""`,
    '!after.emails.exists(e, e.primary)',
  ];
  for (const source of empties) {
    assert.equal(ask(source, null), true, source);
    assert.equal(ask(source, { userName: 'ann' }), true, source);
  }
});

test('present ones keep their value, and the rest of them reads as empty', () => {
  const user = {
    name: { givenName: 'Ann' },
    emails: [{ value: 'a@b.example' }],
    [enterprise]: { department: 'R&D' },
    'urn:example:User': { level: 3 },
  };
  const truths = [
    'after.name.givenName == "Ann" && after.name.familyName == ""',
    'after.emails[0].value == "a@b.example" && !after.emails[0].primary',
    `after["${enterprise}"].department == "R&D" && after["${enterprise}"].costCenter == ""`,
    'after["urn:example:User"].level == 3',
  ];
  for (const source of truths) assert.equal(ask(source, user), true, source);
  assert.deepEqual(Object.keys(user.name), ['givenName']);
});

test('the empty view is shared and frozen, and foreign names reach no prototype', () => {
  assert.equal(emptyView(null, userType), emptyView(null, userType));
  assert.ok(Object.isFrozen(emptyView(null, userType)));
  const hostile = JSON.parse('{"__proto__":{"active":true},"constructor":1}') as Resource;
  assert.equal(ask('after.active', hostile), false);
  assert.equal(Object.getPrototypeOf(emptyView(hostile, userType)), null);
});
