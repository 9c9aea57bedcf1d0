/** A file with one webhook route and one plan, for the tests of this folder; parts can be replaced. */
import { store } from './loading.ts';

/** Values under which `webhooks()` resolves. */
export const env: Readonly<Record<string, string>> = {
  T1_TOKEN: 'one',
  HOOK: 'private-key-123-of-a-sender',
  OLD: 'private-key-122-of-a-sender',
  SIGN: `whsec_${Buffer.alloc(32, 5).toString('base64')}`,
};

/** The lines of `webhooks()`, in order, that tests replace. */
export const webhooks = (
  parts: Readonly<
    Partial<
      Record<
        'auth' | 'webhook' | 'enrich' | 'event' | 'deliver' | 'grants' | 'steps' | 'more',
        string
      >
    >
  > = {},
): string => `version: 1
${store}clients:
  c1: { owner: abc, purpose: abc, expires: 2027-12-31, auth: ${parts.auth ?? 'internal'} }
targets:
  t1: { baseUrl: https://t1.example.com, auth: [{ bearer: '\${env:T1_TOKEN}' }] }
  api: { baseUrl: https://api.example.com }
  flow: { baseUrl: https://flow.example.com }
routes:
  hook:
    path: /hooks/a
    webhook: ${parts.webhook ?? "{ scheme: bamboohr, secrets: ['${env:HOOK}'] }"}
    enrich: ${parts.enrich ?? "{ target: api, get: '/v1/{event.subject}' }"}
    event: ${parts.event ?? '{ kind: enriched.status }'}
    deliver:
${
  parts.deliver ??
  `      - { name: flow, to: flow, path: /in, sign: { secret: '\${env:SIGN}' } }
      - { name: leave, plan: leaver, when: event.kind == "leaver" }
`
}  scim:
    path: /scim
    scim: t1
    grants: ${parts.grants ?? '[{ client: c1, users: { actions: [read, search, deactivate] } }]'}
plans:
  leaver:
    as: c1
    steps:
${parts.steps ?? `      - { name: t1, route: scim, find: { emails.value: enriched.mail }, do: deactivate }\n`}${parts.more ?? ''}`;
