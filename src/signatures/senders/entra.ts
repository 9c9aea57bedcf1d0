/** Microsoft Entra ID and Graph, where tokens of Entra say who calls. */
import { z } from 'zod';
import { oneOrMore, tenantList } from '../token-options.ts';
import { graphHandshake } from '../handshakes/graph.ts';
import type { Sender } from '../sender.ts';
import { plainSender } from './plain-sender.ts';

const jwksUri = 'https://login.microsoftonline.com/common/discovery/v2.0/keys';
/** Tokens of version 1 and 2; which one comes is set at the receiving application. */
const issuerTemplates = [
  'https://sts.windows.net/{tenant}/',
  'https://login.microsoftonline.com/{tenant}/v2.0',
];
const entraJwt = (party: string) => ({
  name: 'jwt',
  options: { token: 'bearer', algorithms: ['RS256'], jwksUri, issuerTemplates, parties: [party] },
});
/** `tenants`: their ids; `audience`: the application that the calls are made for. */
const settings = z.strictObject({ tenants: tenantList, audience: oneOrMore });
const day = 86_400_000;

/** Rows of the table. */
export const entraSenders: readonly Sender[] = [
  plainSender({
    name: 'ms-graph-rich',
    title: 'Microsoft Graph with resource data',
    confidence: 'documented',
    source: 'microsoftgraph/microsoft-graph-docs-contrib, change-notifications-with-resource-data',
    scheme: { name: 'graph-rich', options: {} },
    settings: z.strictObject({ application: oneOrMore, tenants: tenantList }),
    handshake: graphHandshake,
    note: 'Secrets: the private key of the certificate (PEM) under its encryptionCertificateId, older ones beside it, and clientState. Contents are read decrypted, as content of each item.',
  }),
  plainSender({
    name: 'entra-custom-extension',
    title: 'Entra custom authentication extension',
    confidence: 'documented',
    source: 'learn.microsoft.com/entra/identity-platform/custom-extension-overview',
    scheme: entraJwt('99045fe1-7639-4a75-9d4a-577b6ca3810f'),
    settings,
    ack: { status: 200, body: null },
    dedupe: { by: 'none', windowMs: day },
    answersWithinMs: 2_000,
    note: 'Waits for the answer. The token says who calls and is not bound to the body.',
  }),
  plainSender({
    name: 'entra-lifecycle',
    title: 'Entra lifecycle workflows, custom task',
    confidence: 'documented',
    source: 'learn.microsoft.com/entra/id-governance/lifecycle-workflow-extensibility',
    scheme: entraJwt('ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7'),
    settings,
    id: { at: { body: 'data.taskProcessingResult.id' }, signed: false },
    dedupe: { by: 'id', windowMs: 30 * day },
    note: 'Bearer tokens, not proof of possession. The token says who calls and is not bound to the body.',
  }),
];
