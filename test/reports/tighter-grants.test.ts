/**
 * Tighter grants: what was seen is admitted by them as before, what was never done is not. They are
 * loaded as the route file they are printed for.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { writtenGrantsOf } from '../../src/config/settings-of.ts';
import type { Action, Effect } from '../../src/identity/operation.ts';
import type { ResourceType } from '../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../src/identity/scim/schemas.ts';
import { actionsOf, governedBy, isReadAction } from '../../src/policy/actions.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Decision, Question } from '../../src/policy/decision.ts';
import { accessRows, tighterYaml } from '../../src/reports/access-report.ts';
import { dayOf, makeUseNotes } from '../../src/reports/use-notes.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { load, now, store } from '../config/loading.ts';
import { manualClock } from '../ledger/manual-clock.ts';
import { memoryUses } from '../support/memory-uses.ts';

const clients = ['c1', 'c2', 'c3'];

const head = `version: 1
${store}
clients:
${clients
  .map(
    (name) =>
      `  ${name}: { owner: t@example.com, purpose: testing, expires: 2099-12-31, auth: [{ apiKey: {} }] }`,
  )
  .join('\n')}
targets:
  t1: { baseUrl: https://t1.example.com/scim }
permissions:
`;
const routeOf = (grants: string): string =>
  `routes:\n  r1:\n    path: /scim/r1\n    scim: t1\n    grants:\n${grants}`;

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const verbs = (type: ResourceType) =>
  fc.subarray(
    actionsOf(type.word).map((action) => action.slice(type.word.length + 1)),
    { minLength: 1 },
  );
const writable = ['title', 'name', 'displayName', 'emails', `${enterprise}:department`];
const rule = (type: ResourceType) =>
  fc.record(
    {
      actions: verbs(type),
      write: fc.record(
        {
          only: fc.subarray(type.word === 'users' ? writable : ['displayName'], { minLength: 1 }),
          denied: fc.constantFrom('refuse', 'drop'),
        },
        { requiredKeys: ['only'] },
      ),
      when: fc.constantFrom('client != "c9"', 'size(actions) < 9'),
      only: fc.constant(['app-*']),
    },
    { requiredKeys: ['actions'] },
  );
const permission = fc
  .record(
    {
      users: rule(userType).map(({ only: _only, ...rest }) => rest),
      groups: rule(groupType),
    },
    { requiredKeys: ['users'] },
  )
  .map((rules) =>
    Object.fromEntries(
      Object.entries(rules).map(([word, { when, ...rest }]) => {
        const reads = rest.actions.every((verb) => isReadAction(`${word}:${verb}`));
        return [word, reads || when === undefined ? rest : { ...rest, when }];
      }),
    ),
  );
const grant = fc.oneof(
  fc.record({
    client: fc.constantFrom(...clients),
    use: fc.constantFrom('p1', 'p2'),
    limits: fc.constant({ writes: '20/s' }),
  }),
  fc
    .tuple(fc.constantFrom(...clients), permission)
    .map(([client, rules]) => ({ client, ...rules })),
);
const shadowed = fc
  .tuple(grant, fc.boolean())
  .map(([one, shadow]) => (shadow ? { ...one, mode: 'shadow', until: '2099-12-31' } : one));

const attributes: Readonly<Record<string, readonly string[]>> = {
  users: ['title', 'name.givenName', 'displayName', 'emails.value', `${enterprise}:department`],
  groups: ['displayName'],
};
const effect = (word: string): fc.Arbitrary<Effect> =>
  fc
    .tuple(fc.constantFrom(...actionsOf(word)), fc.subarray([...(attributes[word] ?? [])]))
    .map(([action, names]) => {
      const governed = governedBy(action) === 'write';
      return { action, attributes: governed ? names : [] };
    });
type Call = Readonly<{ client: string; word: string; effects: readonly Effect[] }>;
const call: fc.Arbitrary<Call> = fc.constantFrom('users', 'groups').chain((word) =>
  fc.record({
    client: fc.constantFrom(...clients),
    word: fc.constant(word),
    effects: fc.oneof(
      fc
        .array(effect(word), { minLength: 1, maxLength: 3 })
        .map((some) => some.filter(({ action }) => !isReadAction(action)))
        .filter((some) => some.length > 0),
      effect(word).map((one) => [one]),
    ),
  }),
);

const questionOf = ({ client, word, effects }: Call): Question => ({
  type: word === 'users' ? userType : groupType,
  effects,
  client,
  now,
  before: {},
  after: { displayName: 'app-1' },
  changed: [],
  groupNames: ['app-1'],
});
const decideOn = (snapshot: Snapshot, asked: Call): Decision =>
  decide(snapshot.routes[0]?.grants[asked.client], questionOf(asked));

const loaded = async (text: string): Promise<Snapshot> => {
  const { snapshot, problems } = await load(text);
  assert.deepEqual(problems, [], text);
  assert.ok(snapshot !== null);
  return snapshot;
};

/** As the passage tells it: names of all effects together. */
const seenBy = async (snapshot: Snapshot, calls: readonly Call[]) => {
  const uses = memoryUses();
  const clock = manualClock(now);
  const observer = { note: () => undefined };
  const notes = makeUseNotes({ clock, store: uses, retentionMs: () => 1e12, observer });
  for (const asked of calls) {
    const decision = decideOn(snapshot, asked);
    notes.used({
      at: now,
      route: 'r1',
      client: asked.client,
      rule: decision.rule,
      actions: asked.effects.map(({ action }) => action),
      attributes: [...new Set(asked.effects.flatMap(({ attributes: names }) => names))],
      verdict: decision.allowed ? 'allowed' : 'denied',
      shadow: decision.allowed ? decision.shadow : [],
    });
  }
  await notes.flush();
  return uses.sum({ from: 0, to: dayOf(now) });
};

const tighten = async (snapshot: Snapshot, permissions: string, calls: readonly Call[]) => {
  const uses = await seenBy(snapshot, calls);
  const day = dayOf(now);
  const lines = tighterYaml(snapshot, writtenGrantsOf(snapshot), {
    uses,
    from: day,
    to: day,
    since: day,
  });
  const grants = lines.slice(lines.indexOf('routes:') + 2).join('\n');
  const text = `${head}${permissions}\nroutes:\n  r1:\n    path: /scim/r1\n    scim: t1\n${grants}\n`;
  return { text, uses, tight: await loaded(text) };
};

const printed = (value: unknown, indent: string): string => `${indent}${JSON.stringify(value)}`;

void suite('tighter grants', () => {
  void test('admit every call seen, and refuse the actions that never were', async () => {
    let refused = 0;
    let admitted = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(permission, permission),
        fc.array(shadowed, { minLength: 1, maxLength: 5 }),
        fc.array(call, { minLength: 1, maxLength: 30 }),
        async ([p1, p2], grants, calls) => {
          const permissions = `  p1: ${JSON.stringify(p1)}\n  p2: ${JSON.stringify(p2)}`;
          const list = grants.map((one) => printed(one, '      - ')).join('\n');
          const snapshot = await loaded(`${head}${permissions}\n${routeOf(list)}\n`);
          const { tight, text } = await tighten(snapshot, permissions, calls);
          const allowed = calls.filter((asked) => decideOn(snapshot, asked).allowed);
          for (const asked of allowed) {
            const before = decideOn(snapshot, asked);
            const after = decideOn(tight, asked);
            assert.ok(after.allowed, `${JSON.stringify(asked)} ${text}`);
            assert.deepEqual(after.drop, before.allowed ? before.drop : null);
            admitted += 1;
          }
          for (const client of clients) {
            const used = new Set(
              allowed
                .filter((asked) => asked.client === client)
                .flatMap(({ effects }) => effects.map(({ action }) => action)),
            );
            for (const word of ['users', 'groups']) {
              for (const action of actionsOf(word)) {
                if (used.has(action)) continue;
                const planted = { client, word, effects: [{ action, attributes: [] }] };
                if (decideOn(snapshot, planted).allowed) refused += 1;
                assert.equal(
                  decideOn(tight, planted).allowed,
                  false,
                  `${client} ${action} ${text}`,
                );
              }
            }
          }
        },
      ),
      { numRuns: 100 },
    );
    assert.ok(admitted > 100 && refused > 100, `${admitted} admitted, ${refused} refused`);
  });

  const one = async (rules: string, calls: readonly Call[]) => {
    const snapshot = await loaded(
      `${head}  p1: ${rules}\n${routeOf('      - { client: c1, use: p1 }')}\n`,
    );
    return { snapshot, ...(await tighten(snapshot, `  p1: ${rules}`, calls)) };
  };
  const update = (...names: string[]): Call => ({
    client: 'c1',
    word: 'users',
    effects: [{ action: 'users:update', attributes: names }],
  });

  void test('attributes that were never written are refused', async () => {
    const { tight } = await one('{ users: { actions: [update, delete] } }', [update('title')]);
    assert.equal(decideOn(tight, update('title')).allowed, true);
    assert.equal(decideOn(tight, update('displayName')).allowed, false);
  });

  void test('what a grant says beside its rules stays', async () => {
    const rules =
      '{ users: { actions: [read, update], read: { except: [phoneNumbers] }, write: { except: [title], denied: drop }, when: client == "c1" } }';
    const { text } = await one(rules, [update('displayName')]);
    assert.match(text, /read: \{ except: \[phoneNumbers\] \}/);
    assert.match(text, /write: \{ only: \[displayName\], denied: drop \}/);
    assert.match(text, /when: "client == \\"c1\\""/);
  });

  void test('a condition goes where only reads are left', async () => {
    const rules = '{ users: { actions: [read, update], when: client == "c1" } }';
    const read: Action = 'users:read';
    const calls = [{ client: 'c1', word: 'users', effects: [{ action: read, attributes: [] }] }];
    const { text } = await one(rules, calls);
    assert.doesNotMatch(text.slice(text.indexOf('routes:')), /when/);
  });

  void test('a client that only looked at discovery keeps its door', async () => {
    const discovery = { action: 'discovery:read', attributes: [] } as const;
    const calls = [{ client: 'c1', word: 'users', effects: [discovery] }];
    const { tight } = await one('{ users: { actions: [read, delete] } }', calls);
    assert.equal(decideOn(tight, calls[0] as Call).allowed, true);
    const gone = { action: 'users:delete', attributes: [] } as const;
    assert.equal(decideOn(tight, { client: 'c1', word: 'users', effects: [gone] }).allowed, false);
  });
});

void suite('granted against used', () => {
  void test('says what was used, what never was, and what was refused', async () => {
    const text = `${head}  p1: { users: { actions: [read, update, delete] } }\n${routeOf('      - { client: c1, use: p1 }')}\n`;
    const snapshot = await loaded(text);
    const calls: Call[] = [
      { client: 'c1', word: 'users', effects: [{ action: 'users:update', attributes: ['title'] }] },
      { client: 'c1', word: 'users', effects: [{ action: 'users:update', attributes: ['roles'] }] },
      { client: 'c1', word: 'users', effects: [{ action: 'users:create', attributes: [] }] },
      { client: 'c2', word: 'users', effects: [{ action: 'users:read', attributes: [] }] },
    ];
    const uses = await seenBy(snapshot, calls);
    const day = uses[0]?.day ?? 0;
    const rows = accessRows(snapshot, { uses, since: day });
    assert.deepEqual(rows, [
      {
        client: 'c1',
        route: 'r1',
        grant: 'routes.r1.grants[0]',
        resource: 'users',
        granted: ['users:read', 'users:update', 'users:delete'],
        since: '2026-12-01',
        used: { 'users:update': 1 },
        unused: ['users:read', 'users:delete'],
        attributes: ['title'],
        lastUsed: '2026-12-01',
        denied: { 'users:update': 1, 'users:create': 1 },
      },
      {
        client: 'c2',
        route: 'r1',
        grant: null,
        resource: null,
        granted: [],
        since: '2026-12-01',
        used: {},
        unused: [],
        attributes: [],
        lastUsed: null,
        denied: { 'users:read': 1 },
      },
    ]);
    // Nothing is called unused of days that nobody counted.
    const [blind] = accessRows(snapshot, { uses: [], since: null });
    assert.deepEqual([blind?.since, blind?.unused], [null, []]);
  });
});
