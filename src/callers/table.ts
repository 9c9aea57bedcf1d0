/**
 * The kinds of caller credentials, one line each. Listeners ask `identifyCaller` and never a kind
 * by name; a new kind is a file and a line here.
 */
import { z } from 'zod';
import { isRefusal, type Refusal } from '../errors.ts';
import {
  identify,
  presentedCredential,
  type CallerContext,
  type Identified,
  type PresentedCredential,
} from './api-key.ts';
import type { KeyTable } from './standing.ts';

/** One kind of credential. */
export type CredentialKind = Readonly<{
  /** Key under `clients.*.auth[]`. */
  name: string;
  /** Its options there. */
  options: z.ZodType;
  /** How it is sent, for docs. */
  sentAs: string;
  present(headers: Readonly<Record<string, string | undefined>>): PresentedCredential | Refusal;
  identify(
    credential: PresentedCredential,
    table: KeyTable,
    context: CallerContext,
  ): Identified | Refusal;
}>;

const apiKey: CredentialKind = Object.freeze({
  name: 'apiKey',
  options: z.strictObject({}),
  sentAs: 'Bearer token, X-API-Key or Basic password',
  present: presentedCredential,
  identify,
});

/** All kinds by their name in the route file; null prototype. */
export const credentialKinds: Readonly<Record<string, CredentialKind>> = Object.freeze(
  Object.assign(Object.create(null) as Record<string, CredentialKind>, { apiKey }),
);
const kinds: readonly CredentialKind[] = Object.values(credentialKinds);

/** Who calls, by the first kind that proves it; the last kind's refusal otherwise. */
export const identifyCaller = (
  headers: Readonly<Record<string, string | undefined>>,
  table: KeyTable,
  context: CallerContext,
): Identified | Refusal => {
  let answer: Identified | Refusal | null = null;
  for (const kind of kinds) {
    const presented = kind.present(headers);
    answer = isRefusal(presented) ? presented : kind.identify(presented, table, context);
    if (!isRefusal(answer)) return answer;
  }
  if (answer === null) throw new TypeError('the table of credentials is empty');
  return answer;
};
