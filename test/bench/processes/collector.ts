/** An OTLP/HTTP endpoint that takes everything and counts what it took, so that nothing is cheap by not being sent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const taken = { posts: 0, bytes: 0 };
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(JSON.stringify(taken));
    return;
  }
  taken.posts += 1;
  request.on('data', (chunk: Buffer) => (taken.bytes += chunk.length));
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{}');
  });
});
server.listen(0, '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
process.on('disconnect', () => process.exit(0));
