/** Searches within the knobs of a target: as asked, weaker and sifted, or refused; never a guess. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isRefusal } from '../../../src/errors.ts';
import { rfcKnobs, type KnobSettings, type Knobs } from '../../../src/identity/dialects/knobs.ts';
import { resolveKnobs, targetDialects } from '../../../src/identity/dialects/target-table.ts';
import type { TargetDialect } from '../../../src/identity/dialects/target-dialect.ts';
import type { Operation } from '../../../src/identity/operation.ts';
import { matches } from '../../../src/identity/scim/evaluate.ts';
import { parseFilter, printFilter } from '../../../src/identity/scim/filter.ts';
import { planSearch, searchesAsAsked } from '../../../src/identity/scim/plan-search.ts';
import type { Filter } from '../../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../../src/identity/scim/schemas.ts';
import { canonicalUser } from './resource-arbitraries.ts';

type Search = Extract<Operation, { verb: 'search' }>;

const filterOf = (text: string, type = userType): Filter => {
  const filter = parseFilter(text, type);
  if (isRefusal(filter)) throw new Error(`${text}: ${filter.detail}`);
  return filter;
};

const search = (text: string | null, more: Partial<Search> = {}): Search => ({
  verb: 'search',
  type: userType,
  repairs: [],
  projection: {},
  page: {},
  ...(text === null ? {} : { filter: filterOf(text, more.type) }),
  ...more,
});

const knobsOf = (name: string, overrides: KnobSettings = {}): Knobs => {
  const dialect = targetDialects[name];
  assert.ok(dialect !== undefined, name);
  return resolveKnobs(dialect, overrides);
};

/** What is sent: `ask FILTER`, `sift FILTER`, `empty`, or the code of the refusal. */
const planned = (asked: Search, knobs: Knobs): string => {
  const plan = planSearch(asked, knobs);
  if (plan.kind === 'refused') return `${plan.refusal.refused}: ${plan.refusal.detail}`;
  if (plan.kind === 'empty') return 'empty';
  const { filter } = plan.search;
  return `${plan.kind} ${filter === undefined ? '*' : printFilter(filter)}`;
};

const rows: readonly (readonly [
  row: string,
  target: Knobs,
  filter: string | null,
  string | RegExp,
])[] = [
  [
    'an RFC target',
    rfcKnobs,
    'title co "x" or not (active eq true)',
    'ask title co "x" or not (active eq true)',
  ],
  [
    'T2',
    knobsOf('aws-identity-center'),
    'userName eq "a" and externalId eq "b"',
    'ask userName eq "a" and externalId eq "b"',
  ],
  [
    'T2',
    knobsOf('aws-identity-center'),
    'userName eq "a" and title co "b"',
    'sift userName eq "a"',
  ],
  [
    'T2',
    knobsOf('aws-identity-center'),
    'userName sw "a"',
    /^filter_malformed: .*eq, joined by and\.$/,
  ],
  [
    'T2',
    knobsOf('aws-identity-center'),
    'emails[type eq "work" and value eq "x"]',
    /^filter_malformed/,
  ],
  ['T13', knobsOf('atlassian'), 'userName eq "a"', 'ask userName eq "a"'],
  ['T13', knobsOf('atlassian'), 'title eq "x" and userName eq "a"', 'sift userName eq "a"'],
  [
    'T13',
    knobsOf('atlassian'),
    'title eq "x"',
    /^filter_malformed: .*eq on userName, externalId, one comparison\.$/,
  ],
  [
    'T19',
    knobsOf('databricks'),
    'userName co "a" or displayName sw "b"',
    'ask userName co "a" or displayName sw "b"',
  ],
  ['T19', knobsOf('databricks'), 'userName gt "a"', /^filter_malformed/],
  [
    'T20',
    knobsOf('snowflake'),
    null,
    /^filter_malformed: This target lists nothing without a filter/,
  ],
  ['T20', knobsOf('snowflake'), 'userName eq "a" or userName eq "b"', /^filter_malformed/],
  ['T20', knobsOf('snowflake'), 'userName eq "a" and active eq true', 'sift userName eq "a"'],
  ['T21', knobsOf('gitlab'), 'id eq "a"', 'ask id eq "a"'],
  ['T21', knobsOf('gitlab'), null, /^filter_malformed/],
  [
    'T26',
    knobsOf('keycloak'),
    'emails[type eq "work" and value eq "x"]',
    'sift emails.type eq "work" and emails.value eq "x"',
  ],
  ['T26', knobsOf('keycloak'), 'emails[not (type eq "work")]', /^filter_malformed/],
  ['T26', knobsOf('keycloak'), 'emails[type ne "work"]', /^filter_malformed/],
  [
    'T26',
    knobsOf('keycloak'),
    'userName eq "a" and emails[not (type eq "work")]',
    'sift userName eq "a"',
  ],
  [
    'no or',
    resolveKnobs(targetDialects['rfc'] as TargetDialect, { filterLogic: ['and'] }),
    'title eq "a" or title eq "b"',
    /^filter_malformed/,
  ],
  [
    'nothing joined',
    resolveKnobs(targetDialects['rfc'] as TargetDialect, { filterLogic: [] }),
    'title co "a" and active eq true and userName eq "b"',
    'sift userName eq "b"',
  ],
  [
    'few terms',
    resolveKnobs(targetDialects['rfc'] as TargetDialect, { filterTerms: 2 }),
    'title co "a" and active eq true and userName eq "b"',
    'sift userName eq "b" and title co "a"',
  ],
];

for (const [row, knobs, filter, wanted] of rows) {
  test(`${row} ${filter ?? 'no filter'} at such a target`, () => {
    const found = planned(search(filter), knobs);
    if (typeof wanted === 'string') assert.equal(found, wanted);
    else assert.match(found, wanted);
  });
}

test('T20 a connection test of a target without lists is answered without asking it', () => {
  assert.equal(planned(search(null, { page: { count: 1 } }), knobsOf('snowflake')), 'empty');
});

test('T13 a page is no longer than the target gives', () => {
  const plan = planSearch(
    search(null, { page: { count: 500, startIndex: 3 } }),
    knobsOf('atlassian'),
  );
  assert.deepEqual(plan.kind === 'ask' && plan.search.page, { count: 100, startIndex: 3 });
});

test('T16 count=0 is asked as count=1 where the target refuses it', () => {
  const plan = planSearch(search(null, { page: { count: 0 } }), knobsOf('entra'));
  assert.ok(plan.kind === 'ask' && plan.countZero);
  assert.deepEqual(plan.search.page, { count: 1 });
});

test('T13 T15 an order the target does not know is not sent', () => {
  const asked = search('userName eq "a"', { page: { sortBy: 'title', sortOrder: 'descending' } });
  const plan = planSearch(asked, knobsOf('atlassian'));
  assert.ok(plan.kind === 'ask' && plan.sort);
  assert.deepEqual(plan.search.page, {});
});

test('T15 a later page of a target that does not page is cut here', () => {
  const asked = search(null, { page: { startIndex: 3, count: 2 } });
  assert.equal(planSearch(asked, knobsOf('google')).kind, 'sift');
});

test('what is sifted comes with all that the filter and the order look at', () => {
  const asked = search('userName eq "a" and title co "b"', {
    projection: { excluded: ['title', 'name', 'emails'] },
    page: { sortBy: 'name.familyName', count: 5 },
  });
  const plan = planSearch(asked, knobsOf('aws-identity-center'));
  assert.ok(plan.kind === 'sift');
  assert.deepEqual(plan.search.projection, { excluded: ['emails'] });
  assert.deepEqual(plan.search.page, {});
});

test('a group is filtered by the attributes of groups', () => {
  const asked = search('displayName eq "x"', { type: groupType });
  assert.equal(planned(asked, knobsOf('github')), 'ask displayName eq "x"');
});

test('only knobs of searches make a search deviate', () => {
  assert.ok(searchesAsAsked(knobsOf('wso2'), { ...rfcKnobs }));
  assert.ok(!searchesAsAsked(knobsOf('keycloak'), rfcKnobs));
});

const leaf: fc.Arbitrary<Filter> = fc.oneof(
  fc
    .constantFrom(
      'userName eq "a"',
      'userName ne "b"',
      'title co "A"',
      'title pr',
      'active eq true',
      'name.givenName sw "a"',
      'emails.value eq "b"',
      'emails[type eq "work" and value eq "a"]',
      'emails[type eq "home" or value co "b"]',
      'emails[not (type eq "work")]',
      'emails[value ne "c"]',
      'emails[primary eq true and type pr]',
      'emails[value eq null]',
    )
    .map((text) => filterOf(text)),
);
const filters: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc
      .record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        terms: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }),
      })
      // As the parser gives them: no junction directly inside one of its kind.
      .map(({ kind, terms }): Filter => ({
        kind,
        terms: terms.flatMap((term) => (term.kind === kind ? term.terms : [term])),
      })),
    tie('filter').map((term): Filter => ({ kind: 'not', term })),
  ),
})).filter;

const filterKnobs: fc.Arbitrary<Knobs> = fc
  .record({
    filterOperators: fc.subarray(['eq', 'ne', 'co', 'sw', 'pr'] as const),
    filterLogic: fc.subarray(['and', 'or', 'not'] as const),
    filterValuePaths: fc.constantFrom('serve' as const, 'dotted' as const, 'none' as const),
    filterTerms: fc.constantFrom(1, 2, 100),
    filterAttributes: fc.constantFrom<Knobs['filterAttributes']>(
      {},
      { users: ['userName', 'emails'] },
      { users: ['title', 'active', 'emails.type', 'emails.value'] },
    ),
  })
  .map((some) => ({
    ...rfcKnobs,
    ...some,
    filterOperators: [...some.filterOperators],
    filterLogic: [...some.filterLogic],
  }));

/** Every comparison and junction of a filter, by an independent walk over its print. */
const usedIn = (filter: Filter): readonly string[] => {
  if (filter.kind === 'compare') return [filter.operator];
  if (filter.kind === 'present') return ['pr'];
  if (filter.kind === 'not') return ['not', ...usedIn(filter.term)];
  if (filter.kind === 'values') return ['[]', ...usedIn(filter.filter)];
  return [filter.kind, ...filter.terms.flatMap(usedIn)];
};

test('what is sent finds all that was asked for, and uses nothing the target lacks', () => {
  fc.assert(
    fc.property(filters, filterKnobs, canonicalUser, (filter, knobs, user) => {
      const plan = planSearch({ ...search(null), filter }, knobs);
      if (plan.kind === 'refused') return;
      assert.ok(plan.kind === 'ask' || plan.kind === 'sift');
      const sent = plan.search.filter;
      assert.ok(sent !== undefined);
      if (matches(filter, user, userType)) assert.ok(matches(sent, user, userType));
      if (plan.kind === 'ask') {
        assert.equal(matches(filter, user, userType), matches(sent, user, userType));
      }
      const known = new Set<string>([...knobs.filterOperators, ...knobs.filterLogic]);
      if (knobs.filterValuePaths === 'serve') known.add('[]');
      const used = usedIn(sent);
      assert.deepEqual(
        used.filter((each) => !known.has(each)),
        [],
      );
      const junctions = new Set(['and', 'or', 'not', '[]']);
      assert.ok(used.filter((each) => !junctions.has(each)).length <= knobs.filterTerms);
      assert.deepEqual(parseFilter(printFilter(sent), userType), sent);
    }),
    { numRuns: 3_000 },
  );
});
