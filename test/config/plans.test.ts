/** Plans of the route file: what they become, and what is wrong with them at its place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemsOf } from './loading.ts';
import { webhooks } from './webhooks.ts';

const steps = (...lines: readonly string[]): string =>
  webhooks({ steps: lines.map((line) => `      - ${line}\n`).join('') });

test('a plan with every kind of step', async () => {
  const text = steps(
    '{ name: make, route: scim, do: create, set: { USERNAME: enriched.mail, active: true, urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: enriched.dept } }',
    '{ name: change, route: scim, find: { EMAILS.value: enriched.mail, externalId: event.subject }, do: update, set: { title: enriched.title }, when: event.kind == "mover", absent: skip }',
    '{ name: join, route: scim, find: { userName: enriched.mail }, do: add-member, group: \'"all-" + enriched.dept\' }',
    '{ name: leave, route: scim, find: { userName: enriched.mail }, do: remove-member, group: \'"all"\', verify: true }',
    '{ name: drop, route: scim, type: groups, find: { displayName: enriched.team }, do: delete }',
  ).replace('    as: c1', '    as: c1\n    deadline: 2m');
  const { snapshot, problems } = await load(text);
  assert.deepEqual(problems, []);
  const plan = snapshot?.plans['leaver'];
  assert.equal(Object.getPrototypeOf(snapshot?.plans), null);
  assert.deepEqual([plan?.name, plan?.as, plan?.deadlineMs], ['leaver', 'c1', 120_000]);
  const shown = plan?.steps.map((step) => [
    step.name,
    step.type,
    step.do,
    step.find.map(({ path, value }) => `${path}=${value.source}`),
    step.set.map(({ path, value }) => `${path}=${value.source}`),
    step.group?.source ?? null,
    step.when?.source ?? null,
    step.verify,
    step.absent,
  ]);
  const department = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department';
  assert.deepEqual(shown, [
    [
      'make',
      'users',
      'create',
      [],
      ['userName=enriched.mail', 'active=true', `${department}=enriched.dept`],
      null,
      null,
      false,
      'fail',
    ],
    [
      'change',
      'users',
      'update',
      ['emails.value=enriched.mail', 'externalId=event.subject'],
      ['title=enriched.title'],
      null,
      'event.kind == "mover"',
      false,
      'skip',
    ],
    [
      'join',
      'users',
      'add-member',
      ['userName=enriched.mail'],
      [],
      '"all-" + enriched.dept',
      null,
      false,
      'fail',
    ],
    [
      'leave',
      'users',
      'remove-member',
      ['userName=enriched.mail'],
      [],
      '"all"',
      null,
      true,
      'skip',
    ],
    ['drop', 'groups', 'delete', ['displayName=enriched.team'], [], null, null, false, 'skip'],
  ]);
});

const find = 'find: { userName: event.subject }';
const at = 'plans.leaver.steps[0]';

/** `[the file, what is told]`. */
const refused: readonly (readonly [string, readonly string[]])[] = [
  [
    webhooks({ auth: '[{ apiKey: {} }]' }),
    ['27:9: a plan acts as a client with `auth: internal`; this one calls (plans.leaver.as)'],
  ],
  [
    webhooks().replace('as: c1', 'as: c2'),
    ['27:9: there is no client "c2"; did you mean "c1"? (plans.leaver.as)'],
  ],
  [
    webhooks().replace('    as: c1', '    as: c1\n    deadline: 2h'),
    ['28:15: write 1s to 1h (plans.leaver.deadline)'],
  ],
  [webhooks({ steps: '      []\n' }), ['29:7: at least 1 entries (plans.leaver.steps)']],
  [
    steps(`{ name: a, route: hook, ${find}, do: deactivate }`),
    [`29:27: this route takes webhooks; a step goes through one that serves SCIM (${at}.route)`],
  ],
  [
    steps(`{ name: a, route: scimm, ${find}, do: deactivate }`),
    [`29:27: there is no route "scimm"; did you mean "scim"? (${at}.route)`],
  ],
  [
    steps(`{ name: a, route: scim, type: devices, ${find}, do: deactivate }`),
    [`29:39: this route has no such resource (${at}.type)`],
  ],
  [
    steps(
      '{ name: a, route: scim, find: { usrName: event.x, emails: event.x, title: event. }, do: deactivate }',
    ),
    [
      `29:50: there is no such attribute; write a path such as emails.value (${at}.find.usrName)`,
      `29:67: this attribute has parts: name one, such as emails.value (${at}.find.emails)`,
      `29:83: Expected IDENTIFIER, got EOF (${at}.find.title)`,
    ],
  ],
  [
    steps(
      '{ name: a, route: scim, find: { title: event.x, TITLE: event.x }, do: update, set: { id: event.x } }',
    ),
    [
      `29:64: this attribute is named twice (${at}.find.TITLE)`,
      `29:98: the target gives this attribute: it cannot be set (${at}.set.id)`,
    ],
  ],
  [
    steps('{ name: a, route: scim, do: deactivate, set: { title: event.x }, group: event.g }'),
    [
      `29:9: "find" is missing (${at}.find)`,
      `29:54: deactivate has no set (${at}.set)`,
      `29:81: deactivate has no group (${at}.group)`,
    ],
  ],
  [
    steps(`{ name: a, route: scim, type: groups, ${find}, do: add-member, group: event.g }`),
    [`29:39: members are users here (${at}.type)`],
  ],
  [
    steps('{ name: a, route: scim, find: {}, do: fly }'),
    [
      `29:39: name at least one attribute (${at}.find)`,
      `29:47: write one of: create, update, activate, deactivate, delete, add-member, remove-member (${at}.do)`,
    ],
  ],
  [
    steps(
      `{ name: a, route: scim, ${find}, do: delete }`,
      `{ name: a, route: scim, ${find}, do: delete }`,
    ),
    ['30:17: another entry of this list has this name (plans.leaver.steps[1].name)'],
  ],
  [
    steps(`{ name: a, route: scim, ${find}, do: deactivate, when: 1 }`),
    [`29:90: the expression gives int, not bool (${at}.when)`],
  ],
  [
    steps(`{ name: a, route: scim, ${find}, do: deactivate, then: 1 }`),
    [`29:84: unknown key; did you mean "when"? (${at}.then)`],
  ],
];

test('what is wrong with a plan is told at its place', async () => {
  for (const [text, lines] of refused)
    assert.deepEqual(
      await problemsOf(text),
      lines.map((line) => `gateway.yaml:${line}`),
    );
});

test('plans of included files join the others', async () => {
  const main = webhooks().replace('version: 1', 'version: 1\ninclude: [more.yaml]');
  const more = `plans:
  other:
    as: c1
    steps: [{ name: a, route: scim, find: { userName: event.subject }, do: delete }]
`;
  const { snapshot, problems } = await load({ 'gateway.yaml': main, 'more.yaml': more });
  assert.deepEqual(problems, []);
  assert.deepEqual(Object.keys(snapshot?.plans ?? {}), ['leaver', 'other']);
});
