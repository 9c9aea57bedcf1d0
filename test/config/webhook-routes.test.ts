/** What the route file says of webhooks: read, refused at its place, warned of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printProblem } from '../../src/config/problem.ts';
import { load, now, problemsOf, small, warningsOf } from './loading.ts';
import { senders } from '../../src/signatures/table.ts';
import { env, webhooks } from './webhooks.ts';

const hook = (settings: string): string => webhooks({ webhook: settings });
const deliver = (...lines: readonly string[]): string =>
  webhooks({
    deliver: [...lines, '{ name: leave, plan: leaver }']
      .map((line) => `      - ${line}\n`)
      .join(''),
    steps: '      - { name: t1, route: scim, find: { userName: event.subject }, do: deactivate }\n',
  });

test('the route of the documents loads as it is written there', async () => {
  const text = webhooks({
    webhook: `
      scheme: bamboohr
      secrets: ["\${env:BAMBOO_KEY}", { value: "\${env:BAMBOO_KEY_OLD}", until: 2027-12-31 }]
      tolerance: 5m
      dedupe: { window: 30d, by: id }
      rate: 50/s`,
    enrich:
      '{ target: api, get: "/v1/employees/{event.raw.data.employeeId}?fields=status,workEmail,terminationDate" }',
    event: `{ kind: 'enriched.status == "Inactive" ? "leaver" : "mover"', subject: event.raw.data.employeeId, effectiveAt: enriched.terminationDate }`,
    deliver: `      - { name: n8n, to: flow, path: /webhook/hr, sign: { scheme: standard-webhooks, secret: "\${env:FORWARD_SECRET}" }, order: event.subject }
      - { name: leave, plan: leaver, when: event.kind == "leaver" }
`,
  });
  const { snapshot, problems, warnings } = await load(text);
  assert.deepEqual([...problems, ...warnings].map(printProblem), []);
  const route = snapshot?.webhooks[0];
  assert.equal(snapshot?.webhooks.length, 1);
  assert.deepEqual(
    snapshot?.routes.map(({ name }) => name),
    ['scim'],
  );
  assert.deepEqual(route?.dedupe, { by: 'id', windowMs: 30 * 86_400_000 });
  assert.deepEqual(route?.limit, {
    key: 'route:hook:webhooks',
    policy: 'webhooks',
    count: 50,
    seconds: 1,
    burst: 50,
  });
  assert.equal(route?.reader.needsEnriched, true);
  assert.equal(route?.bodyBytesMax, 1_048_576);
  const [forward, plan] = route?.deliver ?? [];
  assert.ok(forward?.kind === 'forward' && plan?.kind === 'plan');
  assert.deepEqual(
    [forward.lane, forward.target, forward.path, forward.signer?.scheme, forward.answers],
    ['hook/n8n', 'flow', '/webhook/hr', 'standard-webhooks', false],
  );
  assert.deepEqual([forward.attemptsMax, forward.concurrent], [10, 8]);
  assert.equal(forward.order?.source, 'event.subject');
  assert.deepEqual([plan.lane, plan.plan, plan.order], ['hook/leave', 'leaver', null]);
  assert.deepEqual(plan.when?.evaluate({ event: { kind: 'leaver' }, enriched: null }), {
    value: true,
  });
});

test('resolved, a route verifies with its keys and signs with its secret', async () => {
  const { snapshot, closed } = await load(webhooks(), { resolve: true, env });
  assert.deepEqual(closed, []);
  const route = snapshot?.webhooks[0];
  assert.equal(route?.unconfigured, null);
  assert.equal(route.receiver?.sender, 'bamboohr');
  const received = {
    method: 'POST',
    url: 'https://gw.example.com/hooks/a',
    path: '/hooks/a',
    query: '',
    headers: {},
    body: Buffer.from('{}'),
  };
  const verdict = await route.receiver.verify(received, now);
  assert.deepEqual(
    [verdict.kind, verdict.kind === 'refused' && verdict.code],
    ['refused', 'signature_missing'],
  );
  const forward = route.deliver[0];
  assert.ok(forward?.kind === 'forward');
  const message = { id: 'msg_1', at: now, body: received.body, url: 'https://x', method: 'POST' };
  assert.match(forward.signer?.sign(message)['webhook-signature'] ?? '', /^v1,/);
});

/** `[what is written, line:col, what is said, where]`. */
const refused: readonly (readonly [string, string])[] = [
  [
    webhooks().replace('    webhook:', '    scim: t1\n    webhook:'),
    '16:5: a route serves SCIM (scim:) or takes webhooks (webhook:), not both (routes.hook.webhook)',
  ],
  [
    webhooks().replace(/ {4}webhook:.*\n/, ''),
    '14:5: "webhook" is missing: who sends here (or "scim": the target it serves) (routes.hook)',
  ],
  [
    webhooks().replace('    scim: t1\n', ''),
    '22:5: "scim" is missing: the target it serves (or "webhook": who sends here) (routes.scim)',
  ],
  [
    webhooks().replace('    webhook:', '    grants: []\n    webhook:'),
    '15:5: only a route with scim: has this key; this one has webhook: (routes.hook.grants)',
  ],
  [
    webhooks().replace('    scim: t1\n', '    scim: t1\n    deliver: []\n'),
    '24:5: only a route with webhook: has this key; this one has scim: (routes.scim.deliver)',
  ],
  [
    webhooks().replace('    webhook:', '    delivr: []\n    webhook:'),
    '15:5: unknown key; did you mean "deliver"? (routes.hook.delivr)',
  ],
  [
    webhooks().replace('path: /scim', 'path: /hooks/a'),
    '22:11: another route has this path: gateway.yaml:14 (routes.scim.path)',
  ],
  [
    hook('{ scheme: bamboohr }'),
    '15:14: without a secret or key anyone could send: give secrets (or keys) (routes.hook.webhook)',
  ],
  [
    hook('{ scheme: bamboohr, secrets: [hunter2] }'),
    '15:44: a secret is a reference, ${env:NAME} or ${file:path}, never a literal (routes.hook.webhook.secrets[0])',
  ],
  [
    hook('{ scheme: bamboohr, secrets: [{ value: hunter2 }] }'),
    '15:53: a secret is a reference, ${env:NAME} or ${file:path}, never a literal (routes.hook.webhook.secrets[0].value)',
  ],
  [
    hook("{ scheme: bamboohr, secrets: [{ value: '${env:HOOK}', until: soon }] }"),
    '15:75: write a date as YYYY-MM-DD (routes.hook.webhook.secrets[0].until)',
  ],
  [hook("{ secrets: ['${env:HOOK}'] }"), '15:14: "scheme" is missing (routes.hook.webhook.scheme)'],
  [
    hook("{ scheme: bamboohr, secrets: ['${env:HOOK}'], tolerance: 30d }"),
    '15:71: a tolerance is between 1s and 24h (routes.hook.webhook.tolerance)',
  ],
  [
    hook("{ scheme: bamboohr, secrets: ['${env:HOOK}'], dedupe: { by: body } }"),
    '15:74: body is only for senders that have neither an id nor a time (routes.hook.webhook.dedupe.by)',
  ],
  [
    hook("{ scheme: bamboohr, secrets: ['${env:HOOK}'], answer: { within: 2s, otherwise: {} } }"),
    '15:68: this sender does not wait for an answer (routes.hook.webhook.answer)',
  ],
  [
    hook("{ scheme: bamboohr, secrets: ['${env:HOOK}'], maxBody: 1B }"),
    '15:69: write 1KiB to 64MiB (routes.hook.webhook.maxBody)',
  ],
  [
    deliver('{ name: a, to: flow, sign: none, answers: true }'),
    '19:51: this sender does not wait for an answer (routes.hook.deliver[0].answers)',
  ],
  [
    deliver('{ name: a }'),
    '19:9: write to: and a target, or plan: and a plan (routes.hook.deliver[0])',
  ],
  [
    deliver('{ name: a, to: flow, plan: leaver, sign: none }'),
    '19:36: a delivery goes to a target or runs a plan, not both (routes.hook.deliver[0].plan)',
  ],
  [deliver('{ name: a, to: flow }'), '19:9: "sign" is missing (routes.hook.deliver[0].sign)'],
  [
    deliver('{ name: a, to: flow, sign: noen }'),
    '19:36: write how it is signed, or none (routes.hook.deliver[0].sign)',
  ],
  [
    deliver('{ name: a, plan: leaver, path: /x }'),
    '19:40: only a delivery with to: has this key (routes.hook.deliver[0].path)',
  ],
  [
    deliver('{ name: leave, to: flow, sign: none }'),
    '20:17: another entry of this list has this name (routes.hook.deliver[1].name)',
  ],
  [
    deliver('{ name: a, plan: leavr }'),
    '19:26: there is no plan "leavr"; did you mean "leaver"? (routes.hook.deliver[0].plan)',
  ],
  [
    deliver('{ name: a, to: flaw, sign: none }'),
    '19:24: there is no target "flaw"; did you mean "flow"? (routes.hook.deliver[0].to)',
  ],
  [
    deliver('{ name: a, to: t1, sign: none }'),
    '19:24: route scim serves this address as SCIM: changes to it go through a plan (routes.hook.deliver[0].to)',
  ],
  [
    deliver('{ name: a, to: flow, path: /Users, sign: none }').replace(
      'https://flow.example.com',
      'https://T1.example.com:443/',
    ),
    '19:24: route scim serves this address as SCIM: changes to it go through a plan (routes.hook.deliver[0].to)',
  ],
  [
    deliver('{ name: a, to: flow, sign: none, order: enriched.id }'),
    '19:49: order is fixed at receipt, before anything is enriched (routes.hook.deliver[0].order)',
  ],
  [
    deliver('{ name: a, to: flow, sign: none, order: evnt.id }'),
    '19:49: evnt is not known here (routes.hook.deliver[0].order)',
  ],
  [
    deliver('{ name: a, to: flow, sign: none, when: 1 + 1 }'),
    '19:48: the expression gives int, not bool (routes.hook.deliver[0].when)',
  ],
  [
    deliver('{ name: a, to: flow, sign: none, path: /a/../b }'),
    '19:48: write a path such as /webhook/hr, without query and dot segments (routes.hook.deliver[0].path)',
  ],
  [
    deliver('{ name: a, to: flow, sign: none, attempts: 51 }'),
    '19:52: at most 50 (routes.hook.deliver[0].attempts)',
  ],
  [
    deliver("{ name: a, to: flow, sign: { scheme: standard-webhook, secret: '${env:SIGN}' } }"),
    '19:46: there is no such scheme; did you mean "standard-webhooks"? (routes.hook.deliver[0].sign.scheme)',
  ],
  [
    deliver("{ name: a, to: flow, sign: { scheme: custom, secret: '${env:SIGN}' } }"),
    '19:36: a template belongs to scheme custom, and only to it (routes.hook.deliver[0].sign)',
  ],
  [
    deliver('{ name: a, to: flow, sign: { secret: hunter2 } }'),
    '19:46: a secret is a reference, ${env:NAME} or ${file:path}, never a literal (routes.hook.deliver[0].sign.secret)',
  ],
  [
    webhooks().replace(/ {4}enrich:.*\n/, ''),
    '16:12: enriched is never there: this route has no enrich (routes.hook.event)',
  ],
  [
    webhooks({
      event: '{}',
      deliver: '      - { name: a, plan: leaver, when: enriched.x == 1 }\n',
    }).replace(/ {4}enrich:.*\n/, ''),
    '18:40: enriched is never there: this route has no enrich (routes.hook.deliver[0].when)',
  ],
  [
    webhooks({ enrich: "{ target: apu, get: '/v1/{event.subject}' }" }),
    '16:23: there is no target "apu"; did you mean "api"? (routes.hook.enrich.target)',
  ],
  [
    webhooks({ enrich: "{ target: api, get: '/v1/{event.subject' }" }),
    '16:33: a { is never closed (routes.hook.enrich.get)',
  ],
  [
    webhooks({ enrich: "{ target: api, get: '/v1/{enriched.x}' }" }),
    '16:33: enriched is not known here (routes.hook.enrich.get)',
  ],
  [
    webhooks({ event: '{ subject: enriched.id }' }),
    '17:23: it is needed at receipt, before anything is read: `enriched` is not known here (routes.hook.event.subject)',
  ],
];

test('what is wrong is told at its place, and nothing beside it', async () => {
  for (const [text, line] of refused) {
    const printed = await problemsOf(text);
    assert.deepEqual(printed, [`gateway.yaml:${line}`]);
    assert.ok(!printed.join('').includes('hunter2'));
  }
});

test('defaults of SCIM routes are not laid under webhook routes', async () => {
  const { snapshot, problems } = await load(
    `${webhooks()}defaults: { route: { before: capture, trace: continue } }\n`,
  );
  assert.deepEqual(problems, []);
  assert.equal(snapshot?.webhooks[0]?.trace, 'continue');
  assert.equal(snapshot?.routes[0]?.before, 'capture');
});

test('a secret that cannot be had or used closes its route alone, and is told as what refuses a start', async () => {
  const closedBy = async (values: Readonly<Record<string, string>>) => {
    const { snapshot, problems, warnings, closed } = await load(webhooks(), {
      resolve: true,
      env: { ...values },
    });
    assert.deepEqual(problems, []);
    const route = snapshot?.webhooks[0];
    assert.equal(route?.receiver, null);
    assert.equal(snapshot?.targets['t1']?.unconfigured, null);
    assert.deepEqual(
      warnings.filter(({ severity }) => severity === 'error'),
      closed,
    );
    return [closed.map(printProblem), route.unconfigured, route.deliver] as const;
  };
  const { HOOK: _, ...unset } = env;
  assert.deepEqual((await closedBy(unset)).slice(0, 2), [
    [
      'gateway.yaml:15:44: the environment variable HOOK is not set (routes.hook.webhook.secrets[0])',
    ],
    'the environment variable HOOK is not set',
  ]);
  assert.deepEqual((await closedBy({ ...env, HOOK: 'changeme' })).slice(0, 2), [
    ['gateway.yaml:15:44: secrets[0] is a placeholder (routes.hook.webhook.secrets[0])'],
    'secrets[0] is a placeholder',
  ]);
  const { SIGN: __, ...unsigned } = env;
  const [lines, reason, deliveries] = await closedBy(unsigned);
  assert.deepEqual(lines, [
    'gateway.yaml:19:60: the environment variable SIGN is not set (routes.hook.deliver[0].sign.secret)',
  ]);
  assert.equal(reason, 'the environment variable SIGN is not set');
  const [forward] = deliveries;
  assert.ok(forward?.kind === 'forward');
  const message = { id: 'm', at: now, body: Buffer.from(''), url: 'https://x', method: 'POST' };
  assert.throws(() => forward.signer?.sign(message), { code: 'target_unconfigured' });
});

test('what a scheme says of a key is told where the key stands', async () => {
  const text = hook("{ scheme: svix, secrets: ['${env:HOOK}'] }");
  const { problems, closed } = await load(text, { resolve: true, env: { ...env } });
  assert.deepEqual(problems, []);
  assert.deepEqual(closed.map(printProblem), [
    'gateway.yaml:15:40: secrets[0] has to be 24 to 64 bytes, in base64 (routes.hook.webhook.secrets[0])',
  ]);
});

test('every sender can be written; without a key none is let in; those nobody confirmed are told', async () => {
  for (const { name, title, confidence } of Object.values(senders)) {
    const written = await load(hook(`{ scheme: ${name}, secrets: ['\${env:HOOK}'] }`));
    for (const { message } of written.problems) assert.match(message, /^scheme [a-z0-9-]+ needs /);
    const unverified = `unverified: nobody has confirmed how ${title} signs; try it before you rely on it`;
    assert.deepEqual(
      written.warnings.map(({ message }) => message),
      confidence === 'unverified' ? [unverified] : [],
    );
    const bare = await load(hook(`{ scheme: ${name} }`), { resolve: true, env: { ...env } });
    assert.equal(bare.snapshot, null, name);
  }
});

test('one delivery answers a sender that waits, and something is said where it does not', async () => {
  const inline = (answer: string, ...lines: readonly string[]): string =>
    webhooks({
      webhook: `{ scheme: okta-inline-hook, secrets: ['\${env:HOOK}']${answer} }`,
      event: '{}',
      deliver: [...lines, '{ name: leave, plan: leaver }']
        .map((line) => `      - ${line}\n`)
        .join(''),
    });
  const answering = '{ name: a, to: flow, sign: none, answers: true }';
  const { snapshot, problems } = await load(
    inline(', answer: { within: 2s, otherwise: { commands: [] } }', answering),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(snapshot?.webhooks[0]?.answer, {
    withinMs: 2_000,
    otherwise: { commands: [] },
  });
  assert.deepEqual((await load(inline('', answering))).snapshot?.webhooks[0]?.answer, {
    withinMs: 3_000,
    otherwise: {},
  });
  assert.deepEqual(await problemsOf(inline('', answering, answering.replace('a,', 'b,'))), [
    'gateway.yaml:20:51: one delivery of a route can answer (routes.hook.deliver[1].answers)',
  ]);
  assert.deepEqual(await problemsOf(inline(', answer: { within: 4s, otherwise: {} }')), [
    'gateway.yaml:15:86: this sender waits for at most 3000 ms (routes.hook.webhook.answer.within)',
  ]);
});

test('not resolved, a route with secrets is closed and says so', async () => {
  const { snapshot, closed } = await load(webhooks());
  assert.deepEqual(closed, []);
  assert.equal(snapshot?.webhooks[0]?.receiver, null);
  assert.equal(snapshot.webhooks[0]?.unconfigured, 'its secrets were not resolved');
});

test('the version knows the secrets of webhooks, and shows none', async () => {
  const versionOf = async (values: Readonly<Record<string, string>>) => {
    const { snapshot, effective } = await load(webhooks(), { resolve: true, env: { ...values } });
    assert.ok(!JSON.stringify([snapshot, effective]).includes('of-a-sender'));
    return snapshot?.version;
  };
  const first = await versionOf(env);
  assert.equal(await versionOf(env), first);
  assert.notEqual(await versionOf({ ...env, HOOK: 'another-key-of-a-sender' }), first);
  assert.notEqual(await versionOf({ ...env, SIGN: `whsec_${'A'.repeat(43)}=` }), first);
});

test('warnings: keys that end, events that go nowhere, plans nobody runs', async () => {
  const text = webhooks({
    webhook: "{ scheme: bamboohr, secrets: [{ value: '${env:HOOK}', until: 2026-12-15 }] }",
    deliver: '      []\n',
    grants: '[]',
  });
  assert.deepEqual(await warningsOf(text), [
    'gateway.yaml:7:3: no route grants this client anything (clients.c1)',
    'gateway.yaml:11:3: no route leads to this target (targets.flow)',
    'gateway.yaml:13:3: what comes in is kept and goes nowhere: there is no deliver (routes.hook)',
    'gateway.yaml:15:75: this key expires within 30 days (2026-12-15) (routes.hook.webhook.secrets[0].until)',
    'gateway.yaml:25:3: no route runs this plan (plans.leaver)',
    'gateway.yaml:28:28: client c1 has no grant on this route: the step would be denied (plans.leaver.steps[0].route)',
  ]);
  assert.deepEqual(await warningsOf(webhooks({ event: '{}' }).replace(/ {4}enrich:.*\n/, '')), [
    'gateway.yaml:10:3: no route leads to this target (targets.api)',
    'gateway.yaml:19:30: this plan reads enriched, which this route does not have (no enrich) (routes.hook.deliver[1].plan)',
  ]);
});

test('auth: internal stands alone, as a word or in a list, and wants a plan', async () => {
  const client = (auth: string): string =>
    small({
      clients: `  c1: { owner: abc, purpose: abc, expires: 2027-12-31, auth: ${auth} }\n`,
    });
  for (const auth of ['internal', '[internal]']) {
    const { snapshot, problems, warnings } = await load(client(auth));
    assert.deepEqual(problems, []);
    assert.equal(snapshot?.clients['c1']?.internal, true);
    assert.deepEqual(
      warnings.map(({ message }) => message),
      ['this client is internal, and no plan acts as it'],
    );
  }
  assert.equal((await load(small())).snapshot?.clients['c1']?.internal, false);
  const at = 'gateway.yaml:8:62:';
  assert.deepEqual(await problemsOf(client('[internal, { apiKey: {} }]')), [
    `${at} internal stands alone: a client that plans act as has no key (clients.c1.auth)`,
  ]);
  assert.deepEqual(await problemsOf(client('external')), [
    `${at} write a list such as [{ apiKey: {} }], or internal (clients.c1.auth)`,
  ]);
});
