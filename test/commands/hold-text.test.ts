/** A hold on a terminal: changes by attribute, and nothing in a value that could draw over it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printHold } from '../../src/commands/hold-text.ts';
import { escaped } from '../../src/commands/print.ts';
import { diffShown } from '../../src/holds/show-hold.ts';

const shown = (change: unknown) => ({
  id: 'hld_018bcfe56800052160674cbe',
  state: 'pending',
  version: '0123456789ab',
  at: '2026-01-01T00:00:00.000Z',
  expiresAt: '2026-01-02T00:00:00.000Z',
  client: 'entra',
  route: 'slack',
  target: 'slack',
  tenant: 'slack-production',
  operation: 'patch',
  actions: ['users:rename'],
  resource: { type: 'User', id: 'u1' },
  rules: ['guards.renames'],
  batch: 'guards.renames/entra@slack-production',
  calls: 1,
  traceId: '0'.repeat(32),
  needs: 2,
  passwordDropped: true,
  entry: null,
  reverses: [],
  approvals: [{ person: 'alice', at: '2026-01-01T00:01:00.000Z' }],
  voided: [],
  end: null,
  mayNotApprove: [{ person: 'owner', why: 'owner of the client' }],
  grantsChangedBy: 'bob',
  change,
});

void test('values cannot draw over what an approver reads', () => {
  const before = { userName: 'ada', members: [{ value: 'a' }, { value: 'b' }] };
  const after = {
    userName: '\u202eevil\u001b[2K\u0007\n+ fake = 1',
    members: [{ value: 'b' }, { value: 'c' }],
    'urn:x:y': { department: 'R&D' },
  };
  const diff = diffShown(before, after);
  const text = escaped(printHold(shown({ deletes: false, diff, written: null })));
  assert.ok(!/[\u001b\u202e\u0007]/.test(text));
  assert.match(text, /\\u202eevil\\u001b\[2K\\u0007\\n\+ fake = 1"\n/);
  assert.match(text, /- members\[\] \{"value":"a"\}\n +\+ members\[\] \{"value":"c"\}/);
  assert.match(text, /\+ urn:x:y:department = "R&D"/);
  assert.match(text, /- userName = "ada"/);
  assert.match(text, /a password that came with it was dropped/);
  assert.match(text, /1 of 2/);
});

void test('whoever may not see values is told so, and a deletion is called one', () => {
  assert.match(printHold(shown(null)), /shown to operators and approvers/);
  const text = printHold(
    shown({ deletes: true, diff: diffShown({ userName: 'ada' }, null), written: null }),
  );
  assert.match(text, /the resource is deleted\n +- userName = "ada"/);
});
