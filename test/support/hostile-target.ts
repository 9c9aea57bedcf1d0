/**
 * A target that deviates in every way a test switches on: caps, verbs it lacks, success without
 * effect, HTML for 404, hidden members, storms of 429, a synthetic user for filters it does not know.
 * Behind the switches stands the SCIM server of the campaigns, so what it holds can be looked at.
 */
import { answer, startScimTarget, type Asked, type ScimTarget } from '../campaigns/scim-target.ts';
import type { ScimStore } from '../campaigns/scim-store.ts';

/** What is switched on; absent = as the RFC says. */
export type Switches = {
  /** Most members one request may carry; more is a 400 (T1). */
  membersMax?: number;
  /** PUT is not routed: 404 with an HTML page (T14, C34). */
  noPut?: boolean;
  /** Mutations for which this says yes are answered with success and not carried out (T31, T33). */
  pretends?: (asked: Asked) => boolean;
  /** Answers of everything that is not there are HTML pages (C34). */
  htmlNotFound?: boolean;
  /** Groups never show their members (T4). */
  hidesMembers?: boolean;
  /** The next requests that are answered 429 with Retry-After: 0 or the given seconds. */
  storm?: { left: number; retryAfter: string };
  /** Filters other than one `eq` find a user that does not exist (T20). */
  synthetic?: boolean;
  /** PATCH is answered `{}` (T14). */
  emptyPatch?: boolean;
  /** Unknown ids are 400 instead of 404, count=0 too (T16). */
  badRequests?: boolean;
  /** The n-th next mutation is refused with 500 or 400, or its connection is cut. */
  fails?: { after: number; how: 400 | 500 | 'cut' };
};

export type HostileTarget = Readonly<{
  url: string;
  store: ScimStore;
  switches: Switches;
  /** Mutations that came in, oldest first, carried out or not. */
  mutations: readonly Asked[];
  /** Every request, oldest first. */
  requests: readonly Asked[];
  stop(): Promise<void>;
}>;

const html = '<!DOCTYPE html><title>404</title><h1>Not Found</h1>';

const membersIn = (body: string): number => (body.match(/"value":"[^"]*"/g) ?? []).length;

const bad = (detail: string, scimType?: string) => ({
  status: 400,
  body: {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
    status: '400',
    ...(scimType === undefined ? {} : { scimType }),
    detail,
  },
});

const page = (outgoing: Asked['outgoing']): void => {
  outgoing.writeHead(404, { 'content-type': 'text/html' });
  outgoing.end(html);
};

const ghost = {
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
  id: 'ghost',
  userName: 'synthetic@nowhere.example',
  active: true,
};

type Handled = Readonly<{ status: number; body: unknown }>;

/** Members taken out of every group in an answer. */
const withoutMembers = (body: unknown): unknown => {
  if (typeof body !== 'object' || body === null) return body;
  if ('Resources' in body && Array.isArray(body.Resources)) {
    return { ...body, Resources: body.Resources.map(withoutMembers) };
  }
  return 'members' in body ? { ...body, members: [] } : body;
};

const isMutation = ({ method }: Asked): boolean => method !== 'GET';

/** What stands before the store: an answer of its own, or null to ask the store. */
const inTheWay = (asked: Asked, switches: Switches): Handled | 'html' | 'cut' | null => {
  const { method, body, query } = asked;
  const { storm, fails, membersMax } = switches;
  if (storm !== undefined && storm.left > 0) {
    storm.left -= 1;
    return { status: 429, body: { detail: 'slow down' } };
  }
  if (fails !== undefined && isMutation(asked)) {
    fails.after -= 1;
    if (fails.after === 0) {
      if (fails.how === 'cut') return 'cut';
      return fails.how === 400 ? bad('planted failure') : { status: 500, body: { detail: 'boom' } };
    }
  }
  if (switches.noPut === true && method === 'PUT') return 'html';
  if (membersMax !== undefined && isMutation(asked) && asked.path.startsWith('/Groups')) {
    if (membersIn(body) > membersMax) {
      return bad(`at most ${membersMax} members`, 'invalidValue');
    }
    if (/"op":"(?:replace|remove)","path":"members"/.test(body)) return bad('not supported');
  }
  const filter = new URLSearchParams(query).get('filter');
  if (switches.synthetic === true && asked.path === '/Users' && method === 'GET') {
    if (filter === null || !/^\S+ eq "[^"]*"$/.test(filter)) {
      return {
        status: 200,
        body: { totalResults: 1, startIndex: 1, itemsPerPage: 1, Resources: [ghost] },
      };
    }
  }
  if (switches.badRequests === true && new URLSearchParams(query).get('count') === '0') {
    return bad('count must be positive');
  }
  return null;
};

/** Starts it with every switch off. */
export const startHostileTarget = async (): Promise<HostileTarget> => {
  const switches: Switches = {};
  const mutations: Asked[] = [];
  const requests: Asked[] = [];
  const serve = (asked: Asked, store: ScimStore): void => {
    requests.push(asked);
    if (isMutation(asked)) mutations.push(asked);
    const own = inTheWay(asked, switches);
    if (own === 'cut') return void asked.incoming.socket.destroy();
    if (own === 'html') return page(asked.outgoing);
    if (own !== null) {
      if (own.status === 429) {
        asked.outgoing.setHeader('retry-after', switches.storm?.retryAfter ?? '0');
      }
      return answer(asked.outgoing, own as Parameters<typeof answer>[1]);
    }
    if (isMutation(asked) && switches.pretends?.(asked) === true) {
      return answer(asked.outgoing, { status: 204, body: null });
    }
    const { status, body } = store.handle(asked.method, asked.path, asked.query, asked.body);
    if (status === 404 && switches.htmlNotFound === true) return page(asked.outgoing);
    if (status === 404 && switches.badRequests === true) {
      const { status: code, body: error } = bad('Resource does not exist.');
      return answer(asked.outgoing, { status: code, body: error });
    }
    const patched = asked.method === 'PATCH' && status < 300;
    if (patched && switches.emptyPatch === true) {
      return answer(asked.outgoing, { status: 200, body: {} });
    }
    const shown = switches.hidesMembers === true ? withoutMembers(body) : body;
    answer(asked.outgoing, { status, body: shown as typeof body });
  };
  const target: ScimTarget = await startScimTarget({ serve });
  return {
    url: target.url,
    store: target.store,
    switches,
    mutations,
    requests,
    stop: () => target.stop(),
  };
};
