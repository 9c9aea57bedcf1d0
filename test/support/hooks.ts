/**
 * What tests of webhooks share: a signer of its own (Standard Webhooks and GitHub), a receiver of
 * forwarded messages that answers as it is told, and the route file of a fixture that takes webhooks.
 */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mainConfig, type Ask } from './fixture.ts';

/** Secrets of the senders, and of what is passed on. They must never be seen in an answer. */
export const hookSecret = `whsec_${Buffer.alloc(24, 'hook').toString('base64')}`;
export const githubSecret = 'github-hook-secret-Wq7';
export const passSecret = `whsec_${Buffer.alloc(24, 'pass').toString('base64')}`;

/** A message signed as Standard Webhooks wants it; `at` in wall ms. */
export const standardMessage = (
  message: Readonly<{ id: string; at: number; body: string | Buffer; secret?: string }>,
): Ask => {
  const key = Buffer.from((message.secret ?? hookSecret).slice('whsec_'.length), 'base64');
  const seconds = Math.floor(message.at / 1_000);
  const signature = createHmac('sha256', key)
    .update(`${message.id}.${seconds}.`)
    .update(message.body)
    .digest('base64');
  return {
    key: null,
    raw: message.body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': message.id,
      'webhook-timestamp': String(seconds),
      'webhook-signature': `v1,${signature}`,
    },
  };
};

/** A message as GitHub signs it. */
export const githubMessage = (id: string, body: string): Ask => ({
  key: null,
  raw: body,
  headers: {
    'content-type': 'application/json',
    'x-github-delivery': id,
    'x-github-event': 'organization',
    'x-hub-signature-256': `sha256=${createHmac('sha256', githubSecret).update(body).digest('hex')}`,
  },
});

/** One forwarded message. */
export type Forwarded = Readonly<{ headers: IncomingHttpHeaders; body: Buffer; path: string }>;

export type HookReceiver = Readonly<{
  url: string;
  got: readonly Forwarded[];
  /** Resolves once `count` messages have arrived in all; rejects after `limitMs`. */
  until(count: number, limitMs?: number): Promise<void>;
  stop(): Promise<void>;
}>;

/** Starts a receiver; `answer` gives the status of each message, 204 by default. */
export const startHookReceiver = async (
  answer: (message: Forwarded, index: number) => number = () => 204,
): Promise<HookReceiver> => {
  const got: Forwarded[] = [];
  let waiters: { count: number; resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { headers, url = '' } = request;
      const message = { headers, body: Buffer.concat(chunks), path: url };
      got.push(message);
      response.writeHead(answer(message, got.length - 1)).end();
      for (const { count, resolve } of waiters) if (got.length >= count) resolve();
      waiters = waiters.filter(({ count }) => got.length < count);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    got,
    until: (count, limitMs = 15_000) =>
      got.length >= count
        ? Promise.resolve()
        : new Promise((resolve, reject) => {
            const timer = setTimeout(
              () => reject(new Error(`${got.length} of ${count} messages arrived`)),
              limitMs,
            );
            waiters.push({
              count,
              resolve: () => {
                clearTimeout(timer);
                resolve();
              },
            });
          }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** The environment of a fixture that takes webhooks. */
export const hookEnv: Readonly<Record<string, string>> = {
  HOOK_SECRET: hookSecret,
  GITHUB_SECRET: githubSecret,
  PASS_SECRET: passSecret,
};

/**
 * The fixture's route file with an HR source (Standard Webhooks, passed on and run as a plan for leavers)
 * and GitHub (passed on). `more` adds routes, two spaces first.
 */
export const hookConfig =
  (receiverUrl: string, more = '') =>
  (sandboxUrl: string): string =>
    mainConfig(sandboxUrl)
      .replace(
        'targets:\n',
        `  plan-leaver: { owner: iam@example.com, purpose: leavers, expires: 2099-12-31, auth: internal }
targets:
  receiver:
    baseUrl: ${receiverUrl}
    allowPrivate: [127.0.0.0/8]
    timeout: 5s
`,
      )
      .replace(
        '      - { client: reader, users: { actions: [read, search] } }\n',
        `      - { client: reader, users: { actions: [read, search] } }
      - { client: plan-leaver, users: { actions: [read, search, deactivate] } }
  hr:
    path: /hooks/hr
    webhook: { scheme: standard-webhooks, secrets: ["\${env:HOOK_SECRET}"] }
    event: { kind: 'event.raw.type == "left" ? "leaver" : "mover"', subject: event.raw.user }
    deliver:
      - { name: pass, to: receiver, path: /hr, sign: { scheme: standard-webhooks, secret: "\${env:PASS_SECRET}" } }
      - { name: leave, plan: leaver, when: event.kind == "leaver" }
  github:
    path: /hooks/github
    webhook: { scheme: github, secrets: ["\${env:GITHUB_SECRET}"] }
    deliver:
      - { name: pass, to: receiver, path: /github, sign: { scheme: standard-webhooks, secret: "\${env:PASS_SECRET}" } }
${more}plans:
  leaver:
    as: plan-leaver
    deadline: 1m
    steps:
      - { name: sandbox, route: sandbox, find: { userName: event.raw.user }, do: deactivate, verify: true }
`,
      );
