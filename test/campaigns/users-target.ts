/**
 * A small, fast SCIM target that knows the truth: it keeps every mutation that reached it, with its
 * ledger id, when its first line arrived and whether the change was made. Users only, in memory.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A mutation that reached the target. */
export type Arrival = {
  readonly ledgerId: string | null;
  readonly method: string;
  readonly path: string;
  /** Was the change made? The truth that ledger outcomes are held against. */
  changed: boolean;
  /** Status answered, or null while it is under way. */
  status: number | null;
  /** When its head was here and when its answer went out, ms since the epoch with fractions. */
  readonly arrivedAt: number;
  answeredAt: number | null;
};

export type UsersTarget = Readonly<{
  /** Base URL of the SCIM API, without a trailing slash. */
  url: string;
  /** Every mutation that arrived, oldest first. */
  arrivals(): readonly Arrival[];
  /** Resolves when no request is under way. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}>;

export type UsersTargetOptions = Readonly<{
  /** Milliseconds before a change is made and before it is answered. Default: none. */
  delayMs?: () => number;
  /** Told of each mutation as its head arrives; the change waits for it. */
  arrived?: (arrival: Arrival) => Promise<void> | void;
}>;

type User = Record<string, unknown> & { id: string; userName: string };
type Asked = Readonly<{ method: string; id: string; query: string; body: string }>;
type Given = Readonly<{ status: number; body?: unknown; changed?: boolean }>;
type Operation = { op: string; path?: string; value?: unknown };

const arrivalsMax = 1_000_000;
const userSchema = 'urn:ietf:params:scim:schemas:core:2.0:User';

const failure = (status: number, scimType?: string): Given => ({
  status,
  body: {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
    status: String(status),
    ...(scimType === undefined ? {} : { scimType }),
  },
});

const patched = (user: User, operations: readonly Operation[]): User => {
  const next: Record<string, unknown> = { ...user };
  for (const { op, path, value } of operations) {
    if (op.toLowerCase() === 'remove') Reflect.deleteProperty(next, path ?? '');
    else if (path === undefined) Object.assign(next, value);
    else next[path] = value;
  }
  return next as User;
};

const listOf = (users: readonly User[]) => ({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
  totalResults: users.length,
  startIndex: 1,
  itemsPerPage: users.length,
  Resources: users,
});

/** SCIM over one map, as far as the campaigns ask. */
const serveUsers = () => {
  const users = new Map<string, User>();
  const names = new Map<string, string>();
  let made = 0;
  const ways: Record<string, (asked: Asked) => Given> = Object.assign(Object.create(null), {
    GET: ({ id, query }: Asked): Given => {
      if (id !== '') {
        const found = users.get(id);
        return found === undefined ? failure(404) : { status: 200, body: found };
      }
      const filter = new URLSearchParams(query).get('filter') ?? '';
      const name = /^userName eq "([^"]*)"$/i.exec(filter)?.[1];
      const found = name === undefined ? undefined : users.get(names.get(name) ?? '');
      return { status: 200, body: listOf(found === undefined ? [] : [found]) };
    },
    POST: ({ body }: Asked): Given => {
      // A read-back proves a create by its age.
      const meta = { resourceType: 'User', created: new Date().toISOString() };
      const user = { ...(JSON.parse(body) as User), id: `u${(made += 1)}`, meta };
      if (names.has(user.userName)) return failure(409, 'uniqueness');
      users.set(user.id, user);
      names.set(user.userName, user.id);
      return { status: 201, body: user, changed: true };
    },
    PATCH: ({ id, body }: Asked): Given => {
      const user = users.get(id);
      if (user === undefined) return failure(404);
      const next = patched(user, (JSON.parse(body) as { Operations: Operation[] }).Operations);
      users.set(id, next);
      return { status: 200, body: next, changed: true };
    },
    DELETE: ({ id }: Asked): Given => {
      const user = users.get(id);
      if (user === undefined) return failure(404);
      users.delete(id);
      names.delete(user.userName);
      return { status: 204, changed: true };
    },
  });
  return (asked: Asked): Given => ways[asked.method]?.(asked) ?? failure(501);
};

/** Finer than Date.now, and the same origin. */
export const instant = (): number => performance.timeOrigin + performance.now();

const pause = async (ms: number): Promise<void> => {
  if (ms > 0) {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, ms);
    });
  }
};

const readBody = async (request: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
  return text;
};

const answer = (response: ServerResponse, given: Given): void => {
  response.writeHead(given.status, { 'content-type': 'application/scim+json' });
  response.end(
    given.body === undefined
      ? undefined
      : JSON.stringify({ schemas: [userSchema], ...(given.body as object) }),
  );
};

/** Starts the target on a free port of 127.0.0.1. */
export const startUsersTarget = async (options: UsersTargetOptions = {}): Promise<UsersTarget> => {
  const arrivals: Arrival[] = [];
  const serve = serveUsers();
  const delayMs = options.delayMs ?? (() => 0);
  let underWay = 0;
  let whenIdle: (() => void)[] = [];

  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const method = request.method ?? '';
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const stated = request.headers['sallyport-ledger-id'];
    const arrival: Arrival = {
      ledgerId: typeof stated === 'string' ? stated : null,
      method,
      path,
      changed: false,
      status: null,
      arrivedAt: instant(),
      answeredAt: null,
    };
    if (method !== 'GET') {
      if (arrivals.length < arrivalsMax) arrivals.push(arrival);
      await options.arrived?.(arrival);
    }
    const body = await readBody(request);
    await pause(delayMs());
    const given = serve({ method, id: path.split('/')[4] ?? '', query, body });
    arrival.changed = given.changed ?? false;
    await pause(delayMs());
    arrival.status = given.status;
    arrival.answeredAt = instant();
    answer(response, given);
  };
  const server = createServer((request, response) => {
    underWay += 1;
    void take(request, response)
      // The gateway died in the middle of its request: nothing was changed then.
      .catch(() => response.destroy())
      .finally(() => {
        underWay -= 1;
        if (underWay > 0) return;
        for (const resolve of whenIdle) resolve();
        whenIdle = [];
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/scim/v2`,
    arrivals: () => arrivals,
    idle: () =>
      underWay === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            whenIdle.push(resolve);
          }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
