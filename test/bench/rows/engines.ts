/**
 * The SCIM engines alone, against scimmy's in the same process: filters read, and changes to a group
 * of 10,000 members. CPU counts, so that waiting for a core does not.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Messages, Schemas, Types } from 'scimmy';
import { isRefusal } from '../../../src/errors.ts';
import { parseFilter } from '../../../src/identity/scim/filter.ts';
import { applyChanges } from '../../../src/identity/scim/patch.ts';
import { replaceChanges } from '../../../src/identity/scim/replace.ts';
import type { Change, Resource } from '../../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../../src/identity/scim/schemas.ts';
import { figureOf, medianOf, type Figure } from '../figures.ts';
import type { Scene } from '../scene.ts';

const groupSize = 10_000;
const schemas = ['urn:ietf:params:scim:schemas:core:2.0:Group'];
const patchOp: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'] = [
  'urn:ietf:params:scim:api:messages:2.0:PatchOp',
];

const idOf = (at: number): string =>
  createHash('sha256').update(`${at}`).digest('hex').slice(0, 32);

/** As a target's answer is read: flat strings, objects of one shape. */
const readGroup = (): Resource =>
  JSON.parse(
    JSON.stringify({
      schemas,
      id: 'g',
      displayName: 'Engineers',
      members: Array.from({ length: groupSize }, (_unused, at) => ({
        value: idOf(at),
        display: `User ${at}`,
        type: 'User',
      })),
    }),
  ) as Resource;

/** One thing both can do. `peer` null: the peer has no such thing, or is not asked. */
type Contest = Readonly<{
  what: string;
  /** Runs in one round. */
  times: number;
  /** Runs of the peer in the last round, the only one in which it runs: it may take seconds for one. */
  peerTimes: number;
  ours(): void;
  peer: (() => unknown) | null;
  perSecond: number | null;
}>;

/** Filters with the rate they must reach; compounds are shown, not judged. */
const filters: readonly (readonly [text: string, perSecond: number | null])[] = [
  ['userName eq "bjensen@example.com"', 500_000],
  ['emails[type eq "work"].value eq "x"', 500_000],
  ['title pr and userType eq "Employee"', null],
  ['emails[type eq "work" and value co "@example.com"] or userName sw "J"', null],
];

const readFilters = (): readonly Contest[] =>
  filters.map(([text, perSecond]) => ({
    what: `filters read: ${text}`,
    times: 10_000,
    peerTimes: 2_000,
    ours: () => assert.ok(!isRefusal(parseFilter(text, userType))),
    // scimmy knows no comparison behind a value filter (C11).
    peer: text.includes('].') ? null : () => new Types.Filter(text),
    perSecond,
  }));

const changeGroup = (): readonly Contest[] => {
  const group = readGroup();
  const apply = (change: Change): void => {
    const applied = applyChanges(group, [change], groupType);
    assert.ok(!isRefusal(applied) && applied.inverse.length > 0);
  };
  let turn = 0;
  const someId = (): string => idOf((turn = (turn + 7_919) % groupSize));
  const members = { attribute: 'members' } as const;
  const added = Array.from({ length: 100 }, (_unused, at) => ({ value: `new-${at}` }));
  const fewer = (readGroup()['members'] as readonly Resource[]).slice(1);
  const peer = new Schemas.Group(JSON.parse(JSON.stringify(group)) as object);
  return [
    {
      what: 'one of 10,000 members removed',
      times: 50,
      peerTimes: 1,
      ours: () => {
        const path = { attribute: 'value' };
        const filter = { kind: 'compare', path, operator: 'eq', value: someId() } as const;
        apply({ op: 'remove', path: { ...members, filter } });
      },
      peer: () => {
        const path = `members[value eq "${someId()}"]`;
        const operation = { op: 'remove', path } as const;
        return new Messages.PatchOp({ schemas: patchOp, Operations: [operation] }).apply(peer);
      },
      perSecond: 5_000,
    },
    {
      what: '100 members added to 10,000',
      times: 5,
      peerTimes: 1,
      ours: () => apply({ op: 'add', path: members, value: added }),
      peer: null,
      perSecond: null,
    },
    {
      what: '10,000 members replaced by 9,999 of them',
      times: 1,
      peerTimes: 1,
      ours: () => apply({ op: 'replace', path: members, value: fewer }),
      peer: null,
      perSecond: null,
    },
    {
      what: 'PUT of 9,999 of 10,000 members told apart',
      times: 1,
      peerTimes: 1,
      ours: () => {
        const resource = { ...group, members: fewer };
        assert.equal(replaceChanges({ resource, type: groupType }, group).length, 1);
      },
      peer: null,
      perSecond: null,
    },
  ];
};

/** CPU of one run, microseconds. */
const cost = async (run: () => unknown, times: number): Promise<number> => {
  const before = process.cpuUsage();
  for (let time = 0; time < times; time += 1) await run();
  const { user, system } = process.cpuUsage(before);
  return Math.max(user + system, 1) / times;
};

const measure = async (contest: Contest, scene: Scene): Promise<readonly Figure[]> => {
  const { what, times, ours, peer, peerTimes, perSecond } = contest;
  const rounds = Math.ceil(scene.effort.rounds * scene.effort.seconds);
  const rates: number[] = [];
  for (let round = 0; round < 2 * rounds; round += 1) {
    const own = await cost(ours, times);
    // The first half warms.
    if (round >= rounds) rates.push(1_000_000 / own);
  }
  const rate = peer === null ? null : 1_000_000 / (await cost(peer, peerTimes));
  const target = perSecond === null ? null : ({ kind: 'at least', value: perSecond } as const);
  const note =
    rate === null ? '' : `${(medianOf(rates) / rate).toPrecision(3)} times scimmy's rate`;
  return [figureOf(rates, { what, unit: '/s', target, note })];
};

export const engines = async (scene: Scene): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const contest of [...readFilters(), ...changeGroup()]) {
    figures.push(...(await measure(contest, scene)));
  }
  return figures;
};
