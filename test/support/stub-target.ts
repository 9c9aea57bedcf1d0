/** A target that answers as a test says, and remembers what it was sent. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export type StubCall = Readonly<{
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  /** Parsed body, or null. */
  body: unknown;
}>;
/** `raw`: text that goes out as it is, as `type`. `cut`: the connection ends without an answer. */
export type StubAnswer =
  | Readonly<{
      status: number;
      body: unknown;
      raw?: string;
      type?: string;
      location?: string;
    }>
  | 'cut';

export type StubTarget = Readonly<{
  url: string;
  /** What came in, oldest first. */
  calls: readonly StubCall[];
  stop(): Promise<void>;
}>;

export const startStubTarget = async (
  answer: (call: StubCall) => StubAnswer | Promise<StubAnswer>,
): Promise<StubTarget> => {
  const calls: StubCall[] = [];
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { pathname, searchParams } = new URL(incoming.url ?? '', 'http://stub');
      const text = Buffer.concat(chunks).toString('utf8');
      const call: StubCall = {
        method: incoming.method ?? '',
        path: pathname,
        query: searchParams,
        headers: incoming.headers,
        body: text === '' ? null : (JSON.parse(text) as unknown),
      };
      calls.push(call);
      void Promise.resolve(answer(call)).then((answered) => {
        if (answered === 'cut') return outgoing.destroy();
        const { status, body, raw, type, location } = answered;
        const tag = status === 304 ? { etag: 'W/"1"' } : {};
        const at = location === undefined ? {} : { location };
        outgoing.writeHead(status, {
          'content-type': type ?? 'application/scim+json',
          ...tag,
          ...at,
        });
        return outgoing.end(raw ?? (body === null ? undefined : JSON.stringify(body)));
      });
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
