/**
 * The side of an iPaaS in a campaign: calls through the gateway over kept-alive connections, and
 * what came back. A connection that broke is an answer too: null, for then nothing is known.
 */
import { Pool } from 'undici';

/** What came back. */
export type LoadAnswer = Readonly<{
  status: number;
  ledgerId: string | null;
  retryAfter: string | null;
  /** Error code and outcome of a refusal, or null. */
  code: string | null;
  outcome: string | null;
  /** The hold in which it waits, or null. */
  holdId: string | null;
  /** Id of the resource answered, or null. */
  resourceId: string | null;
  ms: number;
}>;

export type LoadClient = Readonly<{
  /** One call below `/scim/…`; null where the connection broke before the whole answer was here. */
  ask(method: string, path: string, body?: unknown): Promise<LoadAnswer | null>;
  close(): Promise<void>;
}>;

const errorUrn = 'urn:sallyport:error';

const header = (
  headers: Readonly<Record<string, string | string[] | undefined>>,
  name: string,
): string | null => {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
};

const parsed = (text: string): Readonly<Record<string, unknown>> => {
  const value: unknown = text === '' ? {} : JSON.parse(text);
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
};

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** A client with `connections` connections to the gateway at `base`. */
export const makeLoadClient = (
  given: Readonly<{ base: string; token: string; connections: number }>,
): LoadClient => {
  const pool = new Pool(given.base, { connections: given.connections, pipelining: 1 });
  const ask: LoadClient['ask'] = async (method, path, body) => {
    const startedAt = performance.now();
    try {
      const response = await pool.request({
        method,
        path,
        headers: {
          authorization: `Bearer ${given.token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/scim+json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        headersTimeout: 30_000,
      });
      const answer = parsed(await response.body.text());
      const { [errorUrn]: ours = answer } = answer as { [errorUrn]?: Record<string, unknown> };
      return {
        status: response.statusCode,
        ledgerId: header(response.headers, 'sallyport-ledger-id'),
        retryAfter: header(response.headers, 'retry-after'),
        code: textOf(ours['code']),
        outcome: textOf(ours['outcome']),
        holdId: textOf(ours['holdId']),
        resourceId: textOf(answer['id']),
        ms: performance.now() - startedAt,
      };
    } catch {
      return null;
    }
  };
  return { ask, close: () => pool.destroy() };
};

/** A new user as a create would send it. */
export const newUser = (userName: string) => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
  userName,
  displayName: userName,
  active: true,
});

/** A PATCH that writes one display name. */
export const renamed = (displayName: string) => ({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
  Operations: [{ op: 'replace', path: 'displayName', value: displayName }],
});
