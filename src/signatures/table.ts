/** The schemes and senders there are, by name. A new one is one line here. */
import type { Scheme } from './scheme.ts';
import { bodyToken } from './schemes/body-token.ts';
import { ecdsa } from './schemes/ecdsa.ts';
import { ed25519 } from './schemes/ed25519.ts';
import { graphRich } from './schemes/graph-rich.ts';
import { hmac } from './schemes/hmac.ts';
import { httpSignature } from './schemes/http-signature.ts';
import { jwt } from './schemes/jwt.ts';
import { rsa } from './schemes/rsa.ts';
import { set } from './schemes/set.ts';
import { sns } from './schemes/sns.ts';
import { standardWebhooks } from './schemes/standard-webhooks.ts';
import { staticSecret } from './schemes/static.ts';
import type { Sender } from './sender.ts';
import { snsSenders } from './senders/aws-sns.ts';
import { entraSenders } from './senders/entra.ts';
import { hrSenders } from './senders/hr.ts';
import { httpSignatureSenders } from './senders/http-signature.ts';
import { identitySenders } from './senders/identity.ts';
import { standardWebhooksSenders } from './senders/standard-webhooks.ts';
import { tokenSenders } from './senders/tokens.ts';
import { workSenders } from './senders/work.ts';

const byName = <Row extends Readonly<{ name: string }>>(
  rows: readonly Row[],
): Readonly<Record<string, Row>> =>
  Object.freeze(
    Object.assign(
      Object.create(null) as Record<string, Row>,
      Object.fromEntries(rows.map((row) => [row.name, row])),
    ),
  );

/** Ways of signing, null prototype. */
export const schemes: Readonly<Record<string, Scheme>> = byName([
  hmac,
  ed25519,
  ecdsa,
  rsa,
  staticSecret,
  bodyToken,
  standardWebhooks,
  httpSignature,
  jwt,
  set,
  sns,
  graphRich,
]);

/** Senders, null prototype. `custom` is none of them: its template stands in the route file. */
export const senders: Readonly<Record<string, Sender>> = byName([
  ...standardWebhooksSenders,
  ...hrSenders,
  ...identitySenders,
  ...entraSenders,
  ...workSenders,
  ...tokenSenders,
  ...snsSenders,
  ...httpSignatureSenders,
]);
