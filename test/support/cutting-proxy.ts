/**
 * A TCP proxy before a server that can cut connections at a chosen moment: before the client's bytes
 * reach the server, or after the server did as it was told and before the client hears of it. It looks
 * for plain bytes and knows no protocol.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** When one connection is to be cut. */
export type Cut = Readonly<{
  /** Bytes the client sends, within one write of it; of several any. */
  marker: string | readonly string[];
  /** `before`: they are never passed on. `after`: they are, and the answer is kept back. */
  when: 'before' | 'after';
  /** What the server's answer ends with once it has done it; default: any answer. */
  answered?: Buffer;
}>;

export type CuttingProxy = Readonly<{
  port: number;
  /** Connections open now. */
  open(): number;
  /** Cuts every connection now. */
  cutAll(): void;
  /** Cuts the next connection that sends the marker; resolves when that happened. Replaces an earlier one. */
  cutNext(cut: Cut): Promise<void>;
  /** Takes an unfulfilled `cutNext` back; false where it happened already. */
  forget(): boolean;
  /** Refuses new connections and cuts those there are, until called with false. */
  shut(isShut: boolean): void;
  stop(): Promise<void>;
}>;

type Armed = Cut & Readonly<{ done: () => void }>;

const isMarked = (bytes: Buffer, { marker }: Cut): boolean =>
  [marker].flat().some((one) => bytes.includes(one));

export const startCuttingProxy = async (
  server: Readonly<{ host: string; port: number }>,
): Promise<CuttingProxy> => {
  const pairs = new Set<readonly [Socket, Socket]>();
  let armed: Armed | null = null;
  let isShut = false;

  const cutAll = (): void => {
    for (const pair of pairs) for (const side of pair) side.destroy();
  };
  const join = (client: Socket): void => {
    const upstream = connect(server.port, server.host);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    /** Set while the answer that this connection waits for is kept back. */
    let doomed: Armed | null = null;
    let keptBack = Buffer.alloc(0);
    const cut = (by: Armed): void => {
      for (const side of pair) side.destroy();
      by.done();
    };
    client.on('data', (bytes) => {
      if (armed !== null && isMarked(bytes, armed)) {
        const strike = armed;
        armed = null;
        if (strike.when === 'before') return cut(strike);
        doomed = strike;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (doomed === null) {
        client.write(bytes);
        return;
      }
      keptBack = Buffer.concat([keptBack, bytes]);
      const { answered } = doomed;
      const end = answered === undefined ? keptBack : keptBack.subarray(-answered.length);
      if (answered === undefined || end.equals(answered)) cut(doomed);
    });
    for (const [side, other] of [pair, pair.toReversed() as [Socket, Socket]] as const) {
      side.setNoDelay(true);
      side.on('error', () => undefined);
      side.on('end', () => other.end());
      side.on('close', () => {
        other.destroy();
        pairs.delete(pair);
        // Cut by somebody else meanwhile: that is a cut as well.
        doomed?.done();
        doomed = null;
      });
    }
  };
  const listener = createServer((client) => {
    if (isShut) client.destroy();
    else join(client);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (listener.address() as AddressInfo).port,
    open: () => pairs.size,
    cutAll,
    cutNext: (cut) =>
      new Promise((done) => {
        armed = { ...cut, done };
      }),
    forget: () => {
      const was = armed;
      armed = null;
      was?.done();
      return was !== null;
    },
    shut: (wanted) => {
      isShut = wanted;
      if (wanted) cutAll();
    },
    stop: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        cutAll();
      }),
  };
};
