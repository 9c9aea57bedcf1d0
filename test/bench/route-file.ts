/** The route files of a bench: everything on, limits that count but never refuse. */

export type RouteFileOptions = Readonly<{
  targetUrl: string;
  dataPort: number;
  adminPort: number;
  /** Routes, clients and grants in all; the measured ones are among them. */
  routes: number;
  clients: number;
  grants: number;
  capture: boolean;
  /**
   * Guards that count every measured change and never trip, and an approval; beside it `/scim/plain`, the same
   * without a rule.
   */
  safety: boolean;
  /** A condition on what the user will be; it needs the current user where one is changed. */
  condition: boolean;
  /**
   * A route `/hooks/hr` for webhooks; with a URL, its events are passed on to there, or `announced`: take
   * effect in a hundred years. Null = none.
   */
  webhooks: Readonly<{ receiver: string | null; announced?: boolean }> | null;
}>;

/** What webhooks of a bench are signed with; behind `whsec_` in the environment. */
export const webhookKey = Buffer.alloc(24, 'bench').toString('base64');

const limit = '{ reads: 1000000/s, writes: 1000000/s }';

const many = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_unused, index) => line(index)).join('\n');

const clientOf = (index: number): string => `c${index}`;

/** Spreads the grants evenly over the routes; the first route always knows the first client. */
const routeOf = (index: number, options: RouteFileOptions): string => {
  const { routes, grants, clients, capture } = options;
  const perRoute = Math.max(1, Math.floor(grants / routes));
  const held = Array.from({ length: Math.min(perRoute, clients) }, (_unused, offset) =>
    clientOf((index * perRoute + offset) % clients),
  );
  return `  r${index}:
    path: /scim/r${index}
    scim: target
    normalise: workforce
    before: ${capture ? 'capture' : 'needed'}
${options.safety ? '    approval: { required: ["users:deactivate"] }\n' : ''}    grants:
${held.map((name) => `      - { client: ${name}, use: provision, limits: ${limit} }`).join('\n')}`;
};

const receiverTarget = (options: RouteFileOptions): string =>
  options.webhooks === null || options.webhooks.receiver === null
    ? ''
    : `  receiver:
    baseUrl: ${options.webhooks.receiver}
    allowPrivate: [127.0.0.0/8]
    limits: { concurrent: 64 }
`;

const webhookRoute = ({ webhooks }: RouteFileOptions): string =>
  webhooks === null
    ? ''
    : `  hr:
    path: /hooks/hr
    webhook: { scheme: standard-webhooks, secrets: ["\${env:WEBHOOK_SECRET}"] }
    event: { kind: '"mover"', subject: event.raw.data.subject${webhooks.announced === true ? `, effectiveAt: '"2126-01-01"'` : ''} }
${webhooks.receiver === null ? '' : '    deliver:\n      - { name: pass, to: receiver, path: /in, sign: { scheme: standard-webhooks, secret: "${env:WEBHOOK_SECRET}" }, concurrent: 32 }\n'}`;

/** The same system once more under another name, on which no rule speaks: `/scim/plain`. */
const plainTarget = ({ targetUrl }: RouteFileOptions): string => `  plain:
    baseUrl: ${targetUrl}
    tenant: plain
    auth: [{ bearer: "\${env:TARGET_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
    limits: { concurrent: 64, reads: 1000000/s, writes: 1000000/s }
`;

const plainRoute = ({ capture }: RouteFileOptions): string => `  plain:
    path: /scim/plain
    scim: plain
    normalise: workforce
    before: ${capture ? 'capture' : 'needed'}
    grants:
      - { client: c0, use: provision, limits: ${limit} }
`;

/** Rules of the target: the windows count what is measured, and are never full. */
const safety = `    guards:
      - { name: changes, actions: ["users:update", "users:create"], count: 1000000, in: 1h, per: client }
      - { name: leaves, actions: ["users:deactivate", "users:delete"], count: 25, in: 1h, slow: { count: 100, in: 7d } }
`;

/** The route file. The measured route is `/scim/r0`, its client `c0`. */
export const routeFile = (options: RouteFileOptions): string => `version: 1
environment: bench
server: { listen: "127.0.0.1:${options.dataPort}", maxBody: 64KiB }
admin: { listen: "127.0.0.1:${options.adminPort}" }
store:
  url: sqlite:data/sallyport.db
  encryptionKeys: ["\${file:data/store.key}"]
  checkpoints: { key: "\${file:data/checkpoint.key}", every: 1m, to: ["file:data/checkpoints"] }
clients:
${many(options.clients, (index) => `  ${clientOf(index)}: { owner: iam@example.com, purpose: bench, expires: 2099-12-31, auth: [{ apiKey: {} }], limits: ${limit} }`)}
targets:
  target:
    baseUrl: ${options.targetUrl}
    auth: [{ bearer: "\${env:TARGET_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
    limits: { concurrent: 64, reads: 1000000/s, writes: 1000000/s }
${options.safety ? safety + plainTarget(options) : ''}${receiverTarget(options)}profiles:
  workforce:
    users:
      "*": [trim, nfc]
      userName: [lowercase]
      "emails[].value": [email]
      active: [boolean]
permissions:
  provision:
    users:
      actions: [read, search, create, update, activate, deactivate]
${options.condition ? `      when: after.userName.endsWith("@example.com")` : ''}
    groups: { actions: [read, search, add-member] }
routes:
${many(options.routes, (index) => routeOf(index, options))}
${options.safety ? plainRoute(options) : ''}${webhookRoute(options)}`;
