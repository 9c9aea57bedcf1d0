/** What `explain` says of rules that have a say after the grants. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainCall, type AskedCall } from '../../src/commands/explain.ts';
import { printFacts } from '../../src/commands/explain-text.ts';
import { load, now, store } from '../config/loading.ts';
import { patch } from '../support/scim-calls.ts';

const loaded = await load(`version: 1
${store}clients:
  c1: { owner: abc, purpose: abc, expires: 2027-06-30, auth: [{ apiKey: {} }] }
  c2: { owner: abc, purpose: abc, expires: 2027-06-30, auth: [{ apiKey: {} }] }
targets:
  pdp: { baseUrl: https://pdp.example.com }
  t1:
    baseUrl: https://t1.example.com
    guards:
      - { name: leave, actions: [users:deactivate], count: 25, percent: 5%, in: 1h, slow: { count: 60, in: 1d }, then: deny }
    protected:
      - { name: breakglass, users: { userName: ["breakglass@*"] }, never: [deactivate] }
    privileged: { attributes: [title] }
  t2:
    baseUrl: https://t2.example.com
    guards:
      - { name: drain, actions: [groups:remove-member], percent: 50%, in: 1h, per: group, then: deny }
      - { name: emptied, detect: emptied, above: 3 }
routes:
  r1:
    path: /scim/r1
    scim: t1
    before: capture
    approval: { required: [users:deactivate] }
    authzen: { target: pdp }
    grants: [{ client: c1, users: { actions: [read, update, deactivate] } }]
  r2:
    path: /scim/r2
    scim: t2
    before: capture
    grants:
      - { client: c1, groups: { actions: [replace-members, remove-member] }, urgent: 5/h }
      - { client: c2, groups: { actions: [replace-members] }, mode: shadow, until: 2027-06-30 }
`);
const { snapshot } = loaded;

const explained = (userName: string, change: object, more: Partial<AskedCall> = {}) => {
  assert.ok(snapshot !== null, JSON.stringify(loaded.problems));
  return explainCall(
    snapshot,
    {
      client: 'c1',
      method: 'PATCH',
      path: '/scim/r1/Users/7',
      body: JSON.stringify(patch(change)),
      before: { id: '7', userName, active: true },
      ...more,
    },
    now,
  );
};
const leave = { op: 'replace', path: 'active', value: false };

describe('explain with rules of safety', () => {
  it('tells which rules have a say, and how much they let pass', () => {
    const facts = explained('ann@example.com', leave);
    assert.deepEqual(
      [facts.decision, facts.code, facts.rule],
      ['hold', 'mutation_held', 'routes.r1.approval'],
    );
    // What a release would send.
    assert.equal(facts.calls.length, 1);
    assert.deepEqual(facts.watching, [
      { rule: 'routes.r1.authzen', does: 'ask', limit: null },
      { rule: 'routes.r1.approval', does: 'hold', limit: null },
      {
        rule: 'guards.leave',
        does: 'deny',
        limit: 'takes 1 of 25 or 5 % of the population in 1h, per client',
      },
      { rule: 'guards.leave', does: 'deny', limit: 'takes 1 of 60 in 1d, per client' },
    ]);
    assert.match(printFacts(facts), /^watched by {2}routes\.r1\.authzen\s+ask$/m);
  });

  it('denies what a subject is protected from by what it is', () => {
    const facts = explained('breakglass@example.com', leave);
    assert.deepEqual(
      [facts.decision, facts.code, facts.rule],
      ['deny', 'subject_protected', 'protected.breakglass'],
    );
  });

  it('takes what touches privilege for the entitlement it is', () => {
    const facts = explained('ann@example.com', { op: 'replace', path: 'title', value: 'Admin' });
    assert.deepEqual(facts.actions, ['users:update', 'users:entitle']);
    assert.deepEqual([facts.decision, facts.code], ['deny', 'action_denied']);
  });

  const group = (members: number) => ({
    id: '9',
    displayName: 'wiki',
    members: Array.from({ length: members }, (_, at) => ({ value: `u${at}` })),
  });
  const ofGroup = (change: object, members: number, client = 'c1') =>
    explained('', change, { client, path: '/scim/r2/Groups/9', before: group(members) });
  const empties = { op: 'replace', path: 'members', value: [] };
  const removes = (count: number) => ({
    op: 'remove',
    path: 'members',
    value: group(count).members,
  });

  it('holds what a guard holds whatever was counted, and tells which', () => {
    const facts = ofGroup(empties, 4);
    assert.deepEqual([facts.decision, facts.rule], ['hold', 'guards.emptied']);
    assert.match(facts.detail ?? '', /emptied lets no such change pass/);
    assert.equal(
      ofGroup({ op: 'remove', path: 'members', value: [{ value: 'u0' }] }, 4).decision,
      'allow',
    );
  });

  it('tells what is urgent, and denies for certain only what no place of its own can let pass', () => {
    const facts = ofGroup(removes(3), 4);
    assert.equal(facts.decision, 'allow', JSON.stringify(facts));
    assert.deepEqual(facts.watching[0], {
      rule: 'urgent',
      does: 'pass',
      limit: '5 in 1h go past the guards',
    });
    const without = ofGroup(empties, 3);
    assert.deepEqual([without.decision, without.code], ['deny', 'guard_tripped']);
    assert.match(without.detail ?? '', /lets 1 pass in 1h; this change alone is 3/);
  });

  it('only looks on in a trial', () => {
    const facts = ofGroup(empties, 4, 'c2');
    assert.equal(facts.decision, 'allow');
    assert.deepEqual(facts.shadowed, ['guards.emptied', 'guards.drain']);
  });
});
