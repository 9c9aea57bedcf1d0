/** A tiny SCIM target on node:http: creates give back what they got with an id, reads a fixed user. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let made = 0;
const meta = '"meta":{"resourceType":"User","version":"W/\\"1\\""}';
const user =
  '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann@example.com","active":true,' +
  '"name":{"givenName":"Ann","familyName":"Lee"},"displayName":"Ann Lee",' +
  '"emails":[{"value":"ann@example.com","type":"work","primary":true}],"title":"Engineer",';

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const create = request.method === 'POST';
    if (create) made += 1;
    const id = create ? `u${made}` : (request.url ?? '').split('/').at(-1);
    const body = create
      ? `{"id":"${id}",${meta},${Buffer.concat(chunks).toString('utf8').slice(1)}`
      : `${user}"id":"${id}",${meta}}`;
    response.writeHead(create ? 201 : 200, {
      'content-type': 'application/scim+json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
process.on('disconnect', () => process.exit(0));
