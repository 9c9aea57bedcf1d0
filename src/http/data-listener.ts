/**
 * The socket side of the data listener: Hono routes the raw messages, exchange.ts reads and writes
 * them. Bounded in every direction; drains without cutting a call that is under way.
 */
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { makeExchange, writeReply } from './exchange.ts';
import { makeListener, type Listener } from './listener.ts';
import { serveCall, type ServeDeps } from './serve-call.ts';

/** The data listener: every path and method goes to `serveCall`. */
export const makeDataListener = (deps: ServeDeps): Listener => {
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.all('*', async (context) => {
    const { incoming, outgoing } = context.env;
    const reply = await serveCall(deps, makeExchange(incoming, outgoing));
    writeReply(outgoing, deps.stopping() ? { ...reply, close: true } : reply);
    return RESPONSE_ALREADY_SENT;
  });
  const listen = getRequestListener((request, env) => app.fetch(request, env), {
    overrideGlobalObjects: false,
    autoCleanupIncoming: false,
  });
  return makeListener((incoming, outgoing) => {
    void listen(incoming, outgoing);
  });
};
