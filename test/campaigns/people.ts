/** People who decide over holds in a campaign, each over the admin API of whatever gateway stands. */
import { request } from 'undici';
import type { Seat } from './several-gateways.ts';

/** What became of one hold, or how it stands: as the admin API tells it. */
export type Told = Readonly<{
  id: string;
  ok?: boolean;
  state: string | null;
  note?: string | null;
  entry?: string | null;
  outcome?: string | null;
}>;

export type Deciding = Readonly<{ seat: Seat; token: string }>;

const call = async (
  { seat, token }: Deciding,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<readonly Told[] | null> => {
  try {
    const response = await request(`${seat.gateway.admin}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      headersTimeout: 30_000,
    });
    const text = await response.body.text();
    return response.statusCode === 200 ? (JSON.parse(text) as Told[]) : null;
  } catch {
    return null;
  }
};

/** Null: the gateway fell meanwhile, or could not answer; what it did by then is done. */
export const approve = (by: Deciding, ids: readonly string[]): Promise<readonly Told[] | null> =>
  call(by, 'POST', '/holds/approve', { ids });

/** As `approve`. */
export const reject = (by: Deciding, ids: readonly string[]): Promise<readonly Told[] | null> =>
  call(by, 'POST', '/holds/reject', { ids, reason: 'a campaign' });

/** Holds in this state, the newest 1,000; null as for `approve`. */
export const listHolds = (by: Deciding, state: string): Promise<readonly Told[] | null> =>
  call(by, 'GET', `/holds?state=${state}&limit=1000`);
