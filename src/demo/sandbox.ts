/**
 * A sandbox SCIM target: SCIMMY, a real SCIM server, over memory, with a bearer token. It keeps what
 * it was sent (method, path, ledger id), so that a session or a test can hold the ledger against it.
 * One per process: SCIMMY declares its resources globally.
 */
import { randomUUID } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

/** A mutation that reached the sandbox. */
export type Seen = Readonly<{
  method: string;
  path: string;
  ledgerId: string | null;
  status: number;
}>;

export type Sandbox = Readonly<{
  /** Base URL of the SCIM API, without a trailing slash. */
  url: string;
  port: number;
  /** Every mutation that arrived, oldest first, at most the last 100,000. */
  seen(): readonly Seen[];
  /** Stored resources by type name, as the target holds them. */
  stored(type: 'User' | 'Group'): readonly Readonly<Record<string, unknown>>[];
  stop(): Promise<void>;
}>;

type Stored = Record<string, unknown> & { id: string };
type ScimResource = { id?: string };
type Instance = Record<string, unknown>;
type Filter = { match(values: unknown[]): unknown[] };
type Handled = { id?: string; filter?: Filter };

/** As much of express as is used here; it ships no types. */
type ExpressRequest = IncomingMessage & Readonly<{ originalUrl: string; query: unknown }>;
type Express = RequestListener &
  Readonly<{
    use(run: (request: ExpressRequest, response: ServerResponse, next: () => void) => void): void;
    use(path: string, run: unknown): void;
  }>;

const seenMax = 100_000;
const basePath = '/scim/v2';

const loadExpress = (): (() => Express) =>
  createRequire(import.meta.url)('express') as () => Express;

const header = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
};

/** Handlers of one SCIMMY resource type over a map. */
const handlers = (
  table: Map<string, Stored>,
  unique: string,
  error: new (...given: never[]) => Error,
) => {
  const conflict = (id: string, instance: Instance): boolean =>
    [...table.values()].some(
      (other) =>
        other.id !== id &&
        typeof instance[unique] === 'string' &&
        String(other[unique]).toLowerCase() === instance[unique].toLowerCase(),
    );
  const make = error as unknown as new (status: number, type: string | null, text: string) => Error;
  return {
    ingress: (resource: ScimResource, instance: Instance): Stored => {
      const id = resource.id ?? randomUUID();
      const before = table.get(id);
      if (resource.id !== undefined && before === undefined) {
        throw new make(404, null, 'Resource not found');
      }
      if (conflict(id, instance)) throw new make(409, 'uniqueness', `${unique} is taken`);
      const meta = {
        created: new Date(),
        ...(before?.['meta'] as object | undefined),
        lastModified: new Date(),
      };
      const stored: Stored = { ...(JSON.parse(JSON.stringify(instance)) as Instance), id, meta };
      table.set(id, stored);
      return stored;
    },
    egress: ({ id, filter }: Handled): Stored | Stored[] => {
      if (id !== undefined) {
        const found = table.get(id);
        if (found === undefined) throw new make(404, null, 'Resource not found');
        return found;
      }
      const all = [...table.values()];
      return filter === undefined ? all : (filter.match(all) as Stored[]);
    },
    degress: ({ id }: Handled): void => {
      if (id === undefined || !table.delete(id)) throw new make(404, null, 'Resource not found');
    },
  };
};

/** Starts the sandbox on a port (0 = a free one) of 127.0.0.1. */
export const startSandbox = async (
  options: Readonly<{ port: number; token: string }>,
): Promise<Sandbox> => {
  const express = loadExpress();
  const { default: scimmy } = await import('scimmy');
  const { default: SCIMMYRouters } = await import('scimmy-routers');
  const users = new Map<string, Stored>();
  const groups = new Map<string, Stored>();
  const { User, Group } = scimmy.Resources;
  const scimError = scimmy.Types.Error as unknown as new (...given: never[]) => Error;
  User.extend(scimmy.Schemas.EnterpriseUser, false);
  const declare = (resource: unknown, own: object): void => {
    scimmy.Resources.declare(resource as never, own as never);
  };
  declare(User, handlers(users, 'userName', scimError));
  declare(Group, handlers(groups, 'displayName', scimError));
  const seen: Seen[] = [];
  const app = express();
  app.use((request, response, next) => {
    if (request.method !== 'GET') {
      // Read now: routers rewrite the address while they hand the request on.
      const ledgerId = header(request, 'sallyport-ledger-id');
      const method = request.method ?? '';
      const path = request.originalUrl.slice(basePath.length);
      response.once('finish', () => {
        if (seen.length >= seenMax) seen.shift();
        seen.push({ method, path, ledgerId, status: response.statusCode });
      });
    }
    next();
  });
  app.use((request, _response, next) => {
    // Express 5 reads the query anew each time it is asked: the numbers that SCIMMY's routers make of
    // startIndex and count would be lost, and every page be the first.
    Object.defineProperty(request, 'query', { value: request.query, writable: true });
    next();
  });
  app.use(
    basePath,
    new SCIMMYRouters({
      type: 'bearer',
      handler: (request) => {
        if (request.header('authorization') === `Bearer ${options.token}`) return 'gateway';
        throw new Error('unknown token');
      },
    }) as never,
  );
  const server: Server = createServer(app);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${basePath}`,
    port,
    seen: () => seen,
    stored: (type) => [...(type === 'User' ? users : groups).values()],
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
