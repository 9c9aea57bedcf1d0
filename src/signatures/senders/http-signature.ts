/** Whoever signs by HTTP message signatures. */
import type { Sender } from '../sender.ts';
import { plainSender } from './plain-sender.ts';

/** Rows of the table. */
export const httpSignatureSenders: readonly Sender[] = [
  plainSender({
    name: 'http-signature',
    title: 'HTTP message signatures (RFC 9421)',
    confidence: 'vector',
    source: 'RFC 9421 appendix B.2, RFC 9530',
    scheme: { name: 'http-signature', options: {} },
    // The nonce, where there is one; it and `created` stand within the signed parameters.
    id: { at: { header: 'signature-input' }, signed: true },
    time: { at: { header: 'signature-input' }, unit: 's', signed: true },
    dedupe: { by: 'signature', windowMs: 30 * 86_400_000 },
    note: 'Method, authority, path, query and the body by its digest must be covered; keyid is the id of a key.',
  }),
];
