/**
 * The socket side of the data listener: each raw message goes to `serveCall`, exchange.ts reads and
 * writes it. A router has nothing to add here, for routes come from the snapshot; Hono serves the
 * admin listener. Bounded in every direction; drains without cutting a call that is under way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { makeExchange, writeReply } from './exchange.ts';
import { makeListener, type Listener } from './listener.ts';
import { serveCall, type ServeDeps } from './serve-call.ts';

/** The data listener: every path and method goes to `serveCall`. */
export const makeDataListener = (deps: ServeDeps): Listener => {
  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    try {
      const reply = await serveCall(deps, makeExchange(incoming, outgoing));
      writeReply(outgoing, deps.stopping() ? { ...reply, close: true } : reply);
    } catch (cause) {
      // A defect beyond serveCall: the caller must not wait for an answer that never comes.
      deps.observer.note('error', 'listener.failed', { cause });
      outgoing.destroy();
    }
  };
  return makeListener((incoming, outgoing) => {
    void serve(incoming, outgoing);
  });
};
