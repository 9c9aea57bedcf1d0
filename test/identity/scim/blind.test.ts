import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isBlindPatch, judgeReplace } from '../../../src/identity/scim/blind.ts';
import { effectsOfChanges } from '../../../src/identity/scim/effects.ts';
import { mergeReplace, replaceChanges } from '../../../src/identity/scim/replace.ts';
import type { Resource, ResourceType } from '../../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../../src/identity/scim/schemas.ts';
import { enterpriseUrn } from './scim-fixture.ts';

/** What a PUT is judged by, where the client sees all but the hidden names and may write all. */
const judge = (
  stated: Resource,
  before: Resource,
  hidden: readonly string[],
  type: ResourceType = userType,
) => {
  const sees = (name: string): boolean =>
    !hidden.some(
      (each) => each === name || each.startsWith(`${name}.`) || name.startsWith(`${each}.`),
    );
  const after = mergeReplace(before, stated, sees, type);
  const changes = replaceChanges({ resource: after, type }, before);
  const { judged, blind } = judgeReplace({ stated, before, after, changes }, type, sees);
  return { effects: effectsOfChanges(type, judged), blind };
};

suite('a PUT is judged alike whatever hidden attributes hold', () => {
  const email = { value: 'a@x.y' };
  const cases: readonly (readonly [
    string,
    Resource,
    readonly string[],
    readonly Resource[],
    boolean,
    ResourceType?,
  ])[] = [
    [
      'a guess of a hidden value',
      { userName: 'a', title: 'Spy' },
      ['title'],
      [{ userName: 'a' }, { userName: 'a', title: 'Spy' }, { userName: 'a', title: 'x' }],
      true,
    ],
    [
      'a hidden value that is not stated',
      { userName: 'b' },
      ['title'],
      [{ userName: 'a' }, { userName: 'a', title: 'Spy' }],
      false,
    ],
    [
      'parts of a name beside hidden ones',
      { userName: 'a' },
      ['name.middleName'],
      [
        { userName: 'a', name: { givenName: 'G' } },
        { userName: 'a', name: { givenName: 'G', middleName: 'M' } },
      ],
      false,
    ],
    [
      'elements with hidden parts, told apart by their value',
      { userName: 'a', emails: [email] },
      ['emails.type'],
      [
        { userName: 'a', emails: [email] },
        { userName: 'a', emails: [{ ...email, type: 'work' }] },
      ],
      false,
    ],
    [
      'elements whose value is hidden',
      { userName: 'a', emails: [{ type: 'work' }] },
      ['emails.value'],
      [
        { userName: 'a', emails: [{ type: 'work' }] },
        { userName: 'a', emails: [{ type: 'work', value: 'x@y.z' }] },
      ],
      true,
    ],
    [
      'elements that nothing tells apart',
      { userName: 'a', addresses: [{ country: 'DE' }] },
      ['addresses.locality'],
      [
        { userName: 'a', addresses: [{ country: 'DE' }] },
        { userName: 'a', addresses: [{ country: 'DE', locality: 'Ulm' }] },
      ],
      true,
    ],
    [
      'a guess in an extension',
      { userName: 'a', [enterpriseUrn]: { costCenter: '1' } },
      [`${enterpriseUrn}:costCenter`],
      [{ userName: 'a' }, { userName: 'a', [enterpriseUrn]: { costCenter: '1' } }],
      true,
    ],
    [
      'hidden members',
      { displayName: 'g', members: [{ value: '1' }] },
      ['members'],
      [
        { displayName: 'g' },
        { displayName: 'g', members: [{ value: '1' }] },
        { displayName: 'g', members: [{ value: '1' }, { value: '2' }] },
      ],
      true,
      groupType,
    ],
    [
      'members whose display alone is hidden (C25)',
      { displayName: 'g', members: [{ value: '1', display: 'x' }] },
      ['members.display'],
      [
        { displayName: 'g', members: [{ value: '1' }] },
        { displayName: 'g', members: [{ value: '1', display: 'y' }] },
      ],
      false,
      groupType,
    ],
  ];
  for (const [name, stated, hidden, befores, blind, type] of cases) {
    test(name, () => {
      const [first, ...others] = befores.map((before) => judge(stated, before, hidden, type));
      assert.equal(first?.blind, blind);
      for (const other of others) assert.deepEqual(other, first);
    });
  }

  test('what it states unseen is judged as written', () => {
    const { effects } = judge({ userName: 'a', title: 'x' }, { userName: 'a', title: 'x' }, [
      'title',
    ]);
    assert.deepEqual(effects, [{ action: 'users:update', attributes: ['title'] }]);
    const members = { displayName: 'g', members: [{ value: '1' }] };
    assert.deepEqual(judge(members, members, ['members'], groupType).effects, [
      { action: 'groups:replace-members', attributes: [] },
    ]);
  });

  test('a client that sees all is judged by the difference alone', () => {
    const { effects, blind } = judge(
      { userName: 'a', title: 'x' },
      { userName: 'a', title: 'x' },
      [],
    );
    assert.deepEqual([effects, blind], [[{ action: 'users:update', attributes: [] }], false]);
  });
});

test('a PATCH is blind where it writes what is not seen, parts included', () => {
  const sees = (name: string): boolean => name !== 'title' && !name.startsWith('emails');
  const of = (path: object, value: Resource | string) =>
    isBlindPatch([{ op: 'replace', path: path as { attribute: string }, value }], sees);
  assert.ok(of({ attribute: 'title' }, 'x'));
  assert.ok(of({ attribute: 'emails' }, { value: 'a' }));
  assert.ok(!of({ attribute: 'displayName' }, 'x'));
});
