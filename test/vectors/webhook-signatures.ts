/**
 * Published examples of signed webhooks, exact, each with where it stands. `at`: the signed time, wall
 * ms (0 where none is signed).
 */

export type SignatureVector = Readonly<{
  name: string;
  source: string;
  webhook: Readonly<Record<string, unknown>>;
  secret: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  at: number;
  /** Whether it can be signed by us, to the same text. */
  signs: boolean;
}>;

const standard = {
  'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  'webhook-timestamp': '1614265330',
};
const standardBody = '{"test": 2432232314}';
const v1 = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
const v1a =
  'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==';

const convoyBody = '{"event":"charge.success","amount":1000,"currency":"NGN"}';
const convoy = (encoding: 'hex' | 'base64') => ({
  scheme: 'custom',
  template: { hmac: { parts: ['body'], signature: { header: 'X-Convoy-Signature', encoding } } },
});

export const signatureVectors: readonly SignatureVector[] = [
  {
    name: 'Standard Webhooks v1',
    source: 'standard-webhooks/standard-webhooks, spec',
    webhook: { scheme: 'standard-webhooks' },
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    headers: { ...standard, 'webhook-signature': v1 },
    body: standardBody,
    at: 1_614_265_330_000,
    signs: true,
  },
  {
    name: 'Standard Webhooks v1a by its public key',
    source: 'svix/svix-webhooks README, key pair; signature computed',
    webhook: { scheme: 'standard-webhooks' },
    secret: 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=',
    headers: { ...standard, 'webhook-signature': v1a },
    body: standardBody,
    at: 1_614_265_330_000,
    signs: false,
  },
  {
    name: 'Standard Webhooks v1a by its secret key, seed and public half',
    source: 'svix/svix-webhooks README, key pair; signature computed',
    webhook: { scheme: 'standard-webhooks' },
    secret:
      'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==',
    headers: { ...standard, 'webhook-signature': v1a },
    body: standardBody,
    at: 1_614_265_330_000,
    signs: true,
  },
  {
    name: 'Standard Webhooks v1a by its seed alone',
    source: 'the same key as Postel writes it',
    webhook: { scheme: 'standard-webhooks' },
    secret: `whsk_${Buffer.from('6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==', 'base64').subarray(0, 32).toString('base64')}`,
    headers: { ...standard, 'webhook-signature': v1a },
    body: standardBody,
    at: 1_614_265_330_000,
    signs: true,
  },
  {
    name: 'Svix',
    source: 'the Standard Webhooks example under its own headers',
    webhook: { scheme: 'svix' },
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    headers: {
      'svix-id': standard['webhook-id'],
      'svix-timestamp': standard['webhook-timestamp'],
      'svix-signature': v1,
    },
    body: standardBody,
    at: 1_614_265_330_000,
    signs: true,
  },
  {
    name: 'GitHub',
    source: 'github/docs, Validating webhook deliveries',
    webhook: { scheme: 'github' },
    secret: "It's a Secret to Everybody",
    headers: {
      'X-Hub-Signature-256':
        'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    },
    body: 'Hello, World!',
    at: 0,
    signs: true,
  },
  {
    name: 'GitHub, octokit',
    source: 'octokit/webhooks-methods.js, tests',
    webhook: { scheme: 'github' },
    secret: 'mysecret',
    headers: {
      'X-Hub-Signature-256':
        'sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3',
    },
    body: '{"foo":"bar"}',
    at: 0,
    signs: true,
  },
  {
    name: 'Stripe',
    source: 'computed with the generator of stripe/stripe-node',
    webhook: { scheme: 'stripe' },
    secret: 'whsec_test_secret',
    headers: {
      'Stripe-Signature':
        't=1614265330,v1=e135cdbed3dda004bf8a2fb350f2541d299393c770e0b9e6e319dc595e9072aa',
    },
    body: '{"id":"evt_1"}',
    at: 1_614_265_330_000,
    signs: true,
  },
  {
    name: 'Slack',
    source: 'api.slack.com, Verifying requests from Slack',
    webhook: { scheme: 'slack' },
    secret: '8f742231b10e8888abcd99yyyzzz85a5',
    headers: {
      'X-Slack-Request-Timestamp': '1531420618',
      'X-Slack-Signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    },
    body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
    at: 1_531_420_618_000,
    signs: true,
  },
  {
    name: 'BambooHR, RFC 3339',
    source: 'a client of BambooHR in Elixir, tests',
    webhook: { scheme: 'bamboohr' },
    secret: 'private-key-123',
    headers: {
      'X-BambooHR-Timestamp': '2024-02-01T11:05:12Z',
      'X-BambooHR-Signature': '2e5fcc0ed9bfc4b23327543cafb3f59a552b8f8039e0ad24f6b86498f3557801',
    },
    body: '{"employees":[{"id":"123"}]}',
    at: Date.UTC(2024, 1, 1, 11, 5, 12),
    signs: false,
  },
  {
    name: 'BambooHR, seconds',
    source: 'fusebit/integrations, bamboohr-connector, tests',
    webhook: { scheme: 'bamboohr' },
    secret: '123b929362d51613054f71e5e5d4bf2c',
    headers: {
      'X-BambooHR-Timestamp': '1658248023',
      'X-BambooHR-Signature': '56491dd9c2b352bc5f4fc627159aae20ddff9c8cb19f239a6de6771dc5310bac',
    },
    body: '{"employees":[{"changedFields":["First name"],"fields":{"Employee #":{"value":"300"},"First name":{"value":"Tefi"},"Last name":{"value":"Adams"}},"id":"5"}]}',
    at: 1_658_248_023_000,
    signs: false,
  },
  {
    name: 'SendGrid',
    source: 'sendgrid/sendgrid-nodejs, packages/eventwebhook',
    webhook: { scheme: 'sendgrid' },
    secret:
      'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==',
    headers: {
      'X-Twilio-Email-Event-Webhook-Timestamp': '1600112502',
      'X-Twilio-Email-Event-Webhook-Signature':
        'MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=',
    },
    body: '[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n',
    at: 1_600_112_502_000,
    signs: false,
  },
  {
    name: 'Convoy, hex',
    source: 'frain-dev/convoy, pkg/signature/testdata/signature-vectors.json',
    webhook: convoy('hex'),
    secret: 'convoy-webhook-secret',
    headers: {
      'X-Convoy-Signature': '244449b7f48cbc2709060c9dcdc2b3aa47a78f540430579015c579fb12defbb4',
    },
    body: convoyBody,
    at: 0,
    signs: true,
  },
  {
    name: 'Convoy, base64',
    source: 'frain-dev/convoy, pkg/signature/testdata/signature-vectors.json',
    webhook: convoy('base64'),
    secret: 'convoy-webhook-secret',
    headers: { 'X-Convoy-Signature': 'JERJt/SMvCcJBgydzcKzqkenj1QEMFeQFcV5+xLe+7Q=' },
    body: convoyBody,
    at: 0,
    signs: true,
  },
  {
    name: 'Convoy, advanced: a comma between time and body',
    source: 'frain-dev/convoy, pkg/signature/testdata/signature-vectors.json',
    webhook: {
      scheme: 'custom',
      template: {
        hmac: {
          parts: ['time', { text: ',' }, 'body'],
          time: { pair: 't', unit: 's' },
          signature: { header: 'X-Convoy-Signature', pair: 'v1', encoding: 'hex' },
        },
      },
    },
    secret: 'convoy-webhook-secret',
    headers: {
      'X-Convoy-Signature':
        't=1700000000,v1=77b8b9269f25a199846a55a2bd25b3fba151c70fdae60bb1dcd87fbbc943c55c',
    },
    body: convoyBody,
    at: 1_700_000_000_000,
    signs: true,
  },
];

/** Twilio's token is shorter than any key that a route may have: the template alone is held to these. */
export const twilioVectors = [
  {
    url: 'https://mycompany.com/myapp.php?foo=1&bar=2',
    contentType: 'application/x-www-form-urlencoded',
    body: 'Digits=1234&CallSid=CA1234567890ABCDE&To=%2B18005551212&Caller=%2B14158675309&From=%2B14158675309',
    token: '12345',
    signature: 'RSOYDt4T1cUTdK1PDd93/VVr8B8=',
  },
  {
    url: 'https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620',
    contentType: 'application/json',
    body: '{"property": "value", "boolean": true}',
    token: '12345',
    signature: 'a9nBmqA0ju/hNViExpshrM61xv4=',
  },
] as const;
