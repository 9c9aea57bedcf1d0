/** People of a fixture's route file: their tokens, the command line under their names, the admin API. */
import assert from 'node:assert/strict';
import { request } from 'undici';
import { issueKey } from '../../src/callers/keys.ts';
import { isRefusal } from '../../src/errors.ts';
import type { Fixture } from './fixture.ts';
import { runInProcess } from './run-program.ts';
import type { Ran } from './sallyport-process.ts';

type Named = Readonly<Record<string, readonly string[]>>;

/** A route file with these people instead of its own; names without their domain, with roles. */
export const withPeople = (text: string, people: Named): string =>
  text.replace(
    /people: \[.*\]/,
    `people: [${Object.entries(people)
      .map(
        ([name, roles]) =>
          `{ name: ${name}@example.com, roles: [${roles.join(', ')}], until: 2099-12-31 }`,
      )
      .join(', ')}]`,
  );

/** A new token of somebody, by the whole name. */
export const issueToken = async (
  { gateway }: Pick<Fixture, 'gateway'>,
  holder: string,
): Promise<string> => {
  const issued = await issueKey(gateway.context.keys, {
    kind: 'person',
    holder,
    environment: 'test',
    issuedBy: 'test',
    holderExpiresAt: Number.MAX_SAFE_INTEGER,
  });
  if (isRefusal(issued)) throw new Error(issued.detail);
  return issued.token;
};

/** A new token of somebody; the name without its domain. */
export const tokenOf = (fixture: Pick<Fixture, 'gateway'>, name: string): Promise<string> =>
  issueToken(fixture, `${name}@example.com`);

/** An answer of the admin API. */
export type AdminAnswer = Readonly<{ status: number; body: unknown; text: string }>;

/** Asks the admin API; `bearer` null: as nobody. */
export const askAdmin = async (
  { gateway }: Pick<Fixture, 'gateway'>,
  bearer: string | null,
  path: string,
  body?: object,
): Promise<AdminAnswer> => {
  const answer = await request(`http://127.0.0.1:${gateway.admin.port}/api/v1${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await answer.body.text();
  const parsed = /^[[{]/.test(text) ? (JSON.parse(text) as unknown) : null;
  return { status: answer.statusCode, body: parsed, text };
};

/** One person at the command line. */
export type AtCommandLine = Readonly<{
  run(...args: string[]): Promise<Ran>;
  /** As `--json` has it; fails where the command did. */
  json<Value>(...args: string[]): Promise<Value>;
}>;

/** The command line as somebody with a token runs it. */
export const commandLineOf = (fixture: Pick<Fixture, 'gateway'>, token: string): AtCommandLine => {
  const run = (...args: string[]): Promise<Ran> =>
    runInProcess([...args, '--admin', `http://127.0.0.1:${fixture.gateway.admin.port}`], {
      SALLYPORT_ADMIN_TOKEN: token,
    });
  return {
    run,
    json: async <Value>(...args: string[]) => {
      const ran = await run(...args, '--json');
      assert.equal(ran.code, 0, ran.err);
      return JSON.parse(ran.out) as Value;
    },
  };
};
