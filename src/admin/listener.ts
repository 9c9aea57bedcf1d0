/**
 * The admin listener: health, metrics and the admin API, on an address of its own. A Host allow-list
 * keeps a browser that was lured here from reaching it; there are no cookies; every operation needs
 * a person's token with the role it names, and is recorded before it runs.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { stream } from 'hono/streaming';
import type { CallersStanding } from '../callers/standing.ts';
import { identifyCaller } from '../callers/table.ts';
import { errorTable, GatewayError, isRefusal, refuse, type Refusal } from '../errors.ts';
import { newRequestId, type Random } from '../ids.ts';
import type { Observer } from '../telemetry/observe.ts';
import { perform, type AdminContext, type Person } from './operation.ts';
import { adminOperations } from './operations.ts';
import { openApi } from './open-api.ts';

/** One line of /readyz?verbose. */
export type Check = Readonly<{ name: string; ok: boolean; detail: string; decides: boolean }>;

export type AdminDeps = Readonly<{
  context: AdminContext;
  callers: CallersStanding;
  random: Random;
  observer: Pick<Observer, 'note'>;
  /** All checks; those that decide make the gateway unready. */
  checks(): readonly Check[];
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Host names (without port) under which the listener answers. */
  hosts(): ReadonlySet<string>;
}>;

const bodyBytesMax = 1_048_576;

const failureOf = (error: unknown): Refusal =>
  error instanceof GatewayError ? error.refusal : refuse('internal', errorTable.internal.title);

const asProblem = (refusal: Refusal, requestId: string): Response => {
  const row = errorTable[refusal.refused];
  const status = refusal.status ?? (row.status || 400);
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json; charset=utf-8',
    'x-request-id': requestId,
    'cache-control': 'no-store',
  };
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="sallyport admin"';
  if (status === 503) headers['retry-after'] = '5';
  const body = {
    type: `urn:sallyport:error:${refusal.refused}`,
    title: row.title,
    status,
    detail: refusal.detail,
    code: refusal.refused,
    requestId,
    ...(refusal.rule === undefined ? {} : { rule: refusal.rule }),
  };
  return new Response(JSON.stringify(body), { status, headers });
};

/** Who calls, by a person's token. */
const identifyPerson = (
  { context, callers }: AdminDeps,
  headers: Readonly<Record<string, string | undefined>>,
  address: string,
  withoutClock: boolean,
): Person | Refusal => {
  const snapshot = context.snapshot();
  const now = context.clock.now();
  if (!withoutClock && !context.watch.trusted()) {
    return refuse('clock_untrusted', errorTable.clock_untrusted.title);
  }
  const identified = identifyCaller(headers, callers.current(), {
    kind: 'person',
    environment: snapshot.environment,
    now,
    address,
    holder: (name) => {
      const person = Object.hasOwn(snapshot.admin.people, name)
        ? snapshot.admin.people[name]
        : undefined;
      return person === undefined ? undefined : { expiresAt: person.until, pin: null };
    },
  });
  if (isRefusal(identified)) {
    return { ...identified, detail: "Send a person's token (spa_…) as a Bearer token." };
  }
  callers.touch(identified.keyId, now);
  const roles = snapshot.admin.people[identified.holder]?.roles ?? [];
  return { name: identified.holder, roles: new Set(roles) };
};

type Bindings = { incoming: IncomingMessage; outgoing: ServerResponse };
type App = Hono<{ Bindings: Bindings }>;

const addHealth = (app: App, deps: AdminDeps): void => {
  app.get('/livez', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => {
    const checks = deps.checks();
    const ready = checks.every(({ ok, decides }) => ok || !decides);
    const status = ready ? 200 : 503;
    if (context.req.query('verbose') === undefined) {
      return context.text(ready ? 'ready\n' : 'not ready\n', status);
    }
    return context.json({ ready, checks }, status);
  });
  app.get('/metrics', async (context) =>
    context.text(await deps.metrics(), 200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    }),
  );
};

/** Fixed paths first: `/ledger/export` is no entry of the name "export". */
const fixedFirst = adminOperations.toSorted(
  (one, other) => Number(one.path.includes('{')) - Number(other.path.includes('{')),
);

const addOperations = (app: App, deps: AdminDeps): void => {
  for (const entry of fixedFirst) {
    const path = `/api/v1${entry.path.replace(/\{(\w+)\}/g, ':$1')}`;
    app.on(entry.method, [path], async (context) => {
      const requestId = newRequestId(deps.random);
      const address = context.env.incoming.socket.remoteAddress ?? '';
      const person = identifyPerson(
        deps,
        context.req.header(),
        address,
        entry.withoutClock === true,
      );
      if (isRefusal(person)) return asProblem(person, requestId);
      const sent =
        entry.method === 'GET'
          ? context.req.query()
          : await context.req.json<unknown>().catch(() => null);
      if (typeof sent !== 'object' || sent === null) {
        return asProblem(refuse('body_malformed', 'Send a JSON object.'), requestId);
      }
      const result = await perform(entry, deps.context, person, {
        ...sent,
        ...context.req.param(),
      }).catch((error: unknown) => {
        deps.observer.note('error', 'admin.failed', { act: entry.name, requestId, error });
        return failureOf(error);
      });
      if (isRefusal(result)) return asProblem(result, requestId);
      context.header('x-request-id', requestId);
      context.header('cache-control', 'no-store');
      if ('json' in result) return context.json(result.json as object);
      const media = result.yaml === true ? 'application/yaml' : 'application/x-ndjson';
      context.header('content-type', `${media}; charset=utf-8`);
      // A failure in the middle must not look like the end: the connection is cut instead.
      return stream(
        context,
        async (out) => {
          for await (const line of result.lines) {
            if (out.aborted) return;
            await out.write(line);
          }
        },
        async (error) => {
          deps.observer.note('error', 'admin.failed', { act: entry.name, requestId, error });
          context.env.outgoing.destroy();
        },
      );
    });
  }
  app.get('/api/v1/openapi.json', (context) => context.json(openApi()));
};

/** The admin application. */
const makeAdminApp = (deps: AdminDeps): App => {
  const app: App = new Hono();
  app.use('*', async (context, next) => {
    const host = (context.req.header('host') ?? '').replace(/:[0-9]+$/, '').toLowerCase();
    // An address, unlike a name, cannot be pointed here by somebody else's DNS.
    const own = context.env.incoming.socket.localAddress?.replace(/^::ffff:/, '');
    if (deps.hosts().has(host) || host === own || host === `[${own}]`) return next();
    return asProblem(
      refuse('request_suspicious', 'This host name is not one of the admin listener.'),
      newRequestId(deps.random),
    );
  });
  app.use('/api/*', async (context, next) => {
    const { headers } = context.env.incoming;
    const refusal =
      headers['transfer-encoding'] !== undefined
        ? refuse('body_malformed', 'Send the body with a Content-Length.')
        : Number(headers['content-length'] ?? 0) > bodyBytesMax
          ? refuse('body_too_large', `A body here has at most ${bodyBytesMax} bytes.`)
          : null;
    return refusal === null ? next() : asProblem(refusal, newRequestId(deps.random));
  });
  addHealth(app, deps);
  addOperations(app, deps);
  app.notFound(() =>
    asProblem(refuse('route_unknown', 'There is no such path.'), newRequestId(deps.random)),
  );
  app.onError((error) => asProblem(failureOf(error), newRequestId(deps.random)));
  return app;
};

/** The node:http handler of the admin application. */
export const serveAdmin = (deps: AdminDeps) => {
  const app = makeAdminApp(deps);
  const listen = getRequestListener((request, env) => app.fetch(request, env), {
    overrideGlobalObjects: false,
    // A Host or URL that makes no request of the web's kind never reaches the application.
    errorHandler: () =>
      asProblem(
        refuse('request_suspicious', 'The Host header or the URL cannot be read.'),
        newRequestId(deps.random),
      ),
  });
  return (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    void listen(incoming, outgoing);
  };
};
