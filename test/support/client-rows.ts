/**
 * A gateway for the tests of client rows: one route to a real SCIM server with a profile, one to the
 * same server without, and routes to a target that answers as a test says.
 */
import { startFixture, type Fixture } from './fixture.ts';
import { startStubTarget, type StubAnswer, type StubCall, type StubTarget } from './stub-target.ts';

/** Route that normalises. */
export const normalised = '/scim/sandbox';
/** Route to the same server that changes no value. */
export const asSent = '/scim/as-sent';
/** Route to the stub. */
export const stubbed = '/scim/stub';
/** Route to the stub whose rate gives way within its wait. */
export const quick = '/scim/quick';
/** Route to the stub whose rate does not. */
export const stingy = '/scim/stingy';
/** Route to the stub that has no groups. */
export const groupless = '/scim/groupless';

const client = (name: string, purpose: string): string =>
  `  ${name}: { owner: iam@example.com, purpose: ${purpose}, expires: 2099-12-31, auth: [{ apiKey: {} }] }`;

const target = (name: string, url: string, more = ''): string =>
  `  ${name}: { baseUrl: ${url}, tenant: ${name}, auth: [{ bearer: "\${env:SANDBOX_TOKEN}" }], allowPrivate: [127.0.0.0/8], timeout: 5s${more} }`;

const route = (path: string, to: string, more = ''): string => `
  ${path.slice('/scim/'.length)}:
    path: ${path}
    scim: ${to}${more}
    grants:
      - { client: full, use: all }
      - { client: narrow, users: { actions: ["*"] }, groups: { actions: ["*"] } }`;

const configOf = (sandboxUrl: string, stubUrl: string): string => `
version: 1
environment: test
server: { listen: 127.0.0.1:0 }
admin: { listen: 127.0.0.1:0 }
store:
  url: sqlite:data/sallyport.db
  encryptionKeys: ["\${file:data/store.key}"]
  checkpoints: { key: "\${file:data/checkpoint.key}", to: [log] }
clients:
${client('full', 'everything')}
${client('narrow', 'what a wildcard gives')}
targets:
${target('sandbox', sandboxUrl)}
${target('stub', stubUrl)}
${target('quick', stubUrl, ', limits: { writes: { rate: 50/s, burst: 5 } }')}
${target('stingy', stubUrl, ', limits: { writes: { rate: 6/m, burst: 1 }, wait: 1s }')}
profiles:
  workforce:
    users: { "*": [trim, nfc], userName: [lowercase], "emails[].value": [email] }
permissions:
  all:
    users: { actions: [read, search, create, update, rename, recovery, activate, deactivate, delete, entitle] }
    groups: { actions: [read, search, create, update, delete, add-member, remove-member, replace-members] }
routes:${route(normalised, 'sandbox', '\n    normalise: workforce\n    before: capture')}
${route(asSent, 'sandbox', '\n    before: capture')}
${route(stubbed, 'stub')}
${route(quick, 'quick')}
${route(stingy, 'stingy')}
${route(groupless, 'stub', '\n    emptyLists: [Groups]')}
`;

export type RowsFixture = Fixture &
  Readonly<{
    stub: StubTarget;
    /** What the stub answers from now on. */
    stubAnswers(answer: (call: StubCall) => StubAnswer | Promise<StubAnswer>): void;
  }>;

/** Starts it. Stop it in an `after` hook. */
export const startRowsFixture = async (): Promise<RowsFixture> => {
  let answer: (call: StubCall) => StubAnswer | Promise<StubAnswer> = () => ({
    status: 500,
    body: {},
  });
  const stub = await startStubTarget((call) => answer(call));
  const fixture = await startFixture({
    config: (sandboxUrl) => configOf(sandboxUrl, stub.url),
    clients: ['full', 'narrow'],
  });
  return {
    ...fixture,
    stub,
    stubAnswers: (next) => {
      answer = next;
    },
    stop: async () => {
      await fixture.stop();
      await stub.stop();
    },
  };
};
