/** The peer: bare `@fastify/http-proxy`, no logger and no hooks, before the target named in argv. */
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const app = fastify({ logger: false });
await app.register(proxy, { upstream: process.argv[2] as string });
await app.listen({ port: 0, host: '127.0.0.1' });
process.send?.({ port: (app.server.address() as { port: number }).port });
process.on('disconnect', () => process.exit(0));
