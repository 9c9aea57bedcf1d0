/**
 * The route file of the demo, as a person would write it. It is written out before the gateway
 * starts, so that it can be read, checked and changed while the demo stays up.
 */

/** Where the parts of the demo listen. */
export type Places = Readonly<{ sandboxUrl: string; data: string; admin: string }>;

/** Clients of the demo, in the order of the file. */
export const demoClients = ['entra', 'okta', 'recipe'] as const;
export type DemoClient = (typeof demoClients)[number];

/** Who asks the admin API, and decides over what waits. */
export const demoPerson = 'alice@example.com';

/** The whole file. */
export const demoRouteFile = ({ sandboxUrl, data, admin }: Places): string => `\
# The demo's route file. Try: sallyport check --config THIS_FILE
version: 1
environment: demo

server: { listen: ${data} }
admin:
  listen: ${admin}
  people:
    - { name: ${demoPerson}, roles: [viewer, operator, approver], until: 2099-12-31 }

store:
  url: sqlite:data/sallyport.db
  encryptionKeys: ["\${file:data/store.key}"]
  checkpoints: { key: "\${file:data/checkpoint.key}", every: 1s, to: ["file:data/checkpoints.log"] }

clients:
  entra: # Microsoft Entra ID, the source of people
    owner: iam-team@example.com
    purpose: joiners, movers and leavers from Entra ID
    expires: 2099-12-31
    auth: [{ apiKey: {} }]
  okta: # Okta, which pushes groups
    owner: iam-team@example.com
    purpose: users and pushed groups from Okta
    expires: 2099-12-31
    auth: [{ apiKey: {} }]
  recipe: # one recipe of an iPaaS, which should do one thing
    owner: automation@example.com
    purpose: contractors from a form
    expires: 2099-12-31
    auth: [{ apiKey: {} }]

targets:
  directory:
    baseUrl: ${sandboxUrl}
    auth: [{ bearer: "\${env:DEMO_TARGET_TOKEN}" }] # never seen by a client
    allowPrivate: [127.0.0.0/8] # the sandbox is on this machine
    timeout: 5s
    guards: # of all clients together; a third one within the hour waits for a person
      - { name: leavers, actions: [users:deactivate, users:delete], count: 2, in: 1h, per: tenant }
    protected: # the account for emergencies, kept by its id
      - { name: breakglass, users: { userName: ["breakglass@*"] }, never: [deactivate, delete, rename] }

profiles:
  workforce:
    users:
      "*": [trim, nfc]
      userName: [lowercase]
      "emails[].value": [email]
      "addresses[].country": [country]
      "phoneNumbers[].value": [{ phone: { country: "after.addresses[0].country" } }]
      locale: [language-tag]
      timezone: [time-zone]
      active: [boolean]
      "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":
        [{ map: { Eng: Engineering } }]

permissions:
  lifecycle: # everything that joiners, movers and leavers need; no delete
    users:
      actions: [read, search, create, update, rename, recovery, activate, deactivate]
      when: after.userName.endsWith("@example.com")
    groups:
      actions: [read, search, create, add-member, remove-member]
      only: ["app-*"]
      except: ["*-admins"]
  contractors: # a name and nothing else
    users:
      actions: [read, create]
      write: { only: [name, displayName] }
      when: after.userName.endsWith("@contractors.example.com")

routes:
  directory:
    path: /scim/directory
    scim: directory
    normalise: workforce
    before: capture # keep each resource as it was before a change
    verify: [users:deactivate] # read it back after these, and compare
    grants:
      - { client: entra, use: lifecycle }
      - { client: okta, use: lifecycle }
      - { client: recipe, use: contractors, limits: { writes: { rate: 6/m, burst: 3 } } }
`;
