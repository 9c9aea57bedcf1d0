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
targets:
  pdp: { baseUrl: https://pdp.example.com }
  t1:
    baseUrl: https://t1.example.com
    guards:
      - { name: leave, actions: [users:deactivate], count: 25, percent: 5%, in: 1h, slow: { count: 60, in: 1d }, then: deny }
    protected:
      - { name: breakglass, users: { userName: ["breakglass@*"] }, never: [deactivate] }
    privileged: { attributes: [title] }
routes:
  r1:
    path: /scim/r1
    scim: t1
    before: capture
    approval: { required: [users:deactivate] }
    authzen: { target: pdp }
    grants: [{ client: c1, users: { actions: [read, update, deactivate] } }]
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
    assert.equal(facts.decision, 'allow', JSON.stringify(facts));
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
});
