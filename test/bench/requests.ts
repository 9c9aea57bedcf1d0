/** The requests the rows send: the same bytes to the gateway and to what it is held against. */
import type { GatewaySide } from './gateway-side.ts';
import type { Side } from './scene.ts';

/** A SCIM user of 230 bytes. */
const user =
  '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"u########@example.com",' +
  '"name":{"givenName":"Ann","familyName":"Lee"},"emails":[{"value":"u########@example.com","type":"work"}],' +
  '"active":true,"title":"Engineer"}';

const change =
  '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],' +
  '"Operations":[{"op":"replace","path":"title","value":"t########"}]}';

export const requests = {
  create: { method: 'POST', path: '/Users', body: user },
  read: { method: 'GET', path: '/Users/u########', body: null },
  patch: { method: 'PATCH', path: '/Users/u########', body: change },
} as const;

export type RequestName = keyof typeof requests;

const connectionsOfClosedLoop = 32;

/** Load on a side: closed loop on 32 connections unless a rate is given. */
export const sideOf = (
  to: Readonly<{ pid: number; port: number }> & Partial<Pick<GatewaySide, 'token'>>,
  name: RequestName,
  ratePerSecond: number | null = null,
  route = '/scim/r0',
): Side => {
  const { method, path, body } = requests[name];
  const base = to.token === undefined ? '' : route;
  return {
    pid: to.pid,
    order: {
      port: to.port,
      method,
      path: base + path,
      body,
      headers: [
        `authorization: Bearer ${to.token ?? 'bench-target-token'}`,
        'accept: application/scim+json',
        'user-agent: bench',
        ...(body === null ? [] : ['content-type: application/scim+json']),
      ],
      connections: connectionsOfClosedLoop,
      ratePerSecond,
    },
  };
};
