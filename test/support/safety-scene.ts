/** A route file with rules of safety, and what the flows of safety ask of a gateway that has them. */
import assert from 'node:assert/strict';
import type { LedgerRow } from '../../src/ledger/record.ts';
import { mainConfig, type Answered, type Fixture } from './fixture.ts';
import { errorExtension, make, patch, user } from './scim-calls.ts';

/** Whoever may approve in these files. */
export const approver = { name: 'alice@example.com', local: false };

/** `target`, `route`, `routes` and `clients` are lines of the route file, indented as they stand there. */
export type Rules = Readonly<{
  target?: string;
  route?: string;
  grants?: string;
  routes?: string;
  targets?: string;
  clients?: string;
  change?: (text: string) => string;
}>;

/** The main route file with these rules in it. */
export const withRules =
  ({ target, route, grants, routes, targets, clients, change }: Rules) =>
  (url: string): string => {
    const text = mainConfig(url)
      .replace('    timeout: 5s\n', `    timeout: 5s\n${target ?? ''}${targets ?? ''}`)
      .replace('    before: capture\n', `    before: capture\n${route ?? ''}`)
      .replace(/(- \{ client: reader.*\n)/, `$1${grants ?? ''}${routes ?? ''}`)
      .replace('targets:\n', `${clients ?? ''}targets:\n`)
      .replaceAll('URL', url);
    return change?.(text) ?? text;
  };

/** So many users, by their ids. */
export const makeUsers = async (
  fixture: Fixture,
  prefix: string,
  count: number,
): Promise<readonly string[]> => {
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) {
    ids.push(await make(fixture, 'Users', user(`${prefix}${at}@example.com`)));
  }
  return ids;
};

export const deactivation = patch({ op: 'replace', path: 'active', value: false });

/** What an error says beside its detail; fails where it is none. */
export const errorIn = ({ body, text }: Answered): Readonly<Record<string, string>> => {
  const extension = body?.[errorExtension];
  assert.ok(typeof extension === 'object' && extension !== null, text);
  return extension as Readonly<Record<string, string>>;
};

/** The hold that a call was told of. */
export const holdOf = (answer: Answered, rule: string): string => {
  const { code, holdId = '', rule: by } = errorIn(answer);
  assert.equal(code, 'mutation_held', answer.text);
  assert.equal(by, rule);
  assert.match(holdId, /^hld_[0-9a-f]{24}$/);
  return holdId;
};

/** Mutations of users that reached the target. */
export const changesSeen = (fixture: Fixture): number =>
  fixture.sandbox.seen().filter(({ method }) => method !== 'GET').length;

/** Rows of one subject, the newest first; all that was told so far is on disk. */
export const rowsOf = async (fixture: Fixture, subject: string): Promise<readonly LedgerRow[]> => {
  const { ledger } = fixture.gateway.context;
  await ledger.act({ kind: 'act', at: Date.now(), actor: 'test', act: 'test.looked', details: {} });
  return ledger.list({ subject, limit: 100 });
};
