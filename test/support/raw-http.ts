/** Requests as raw bytes over a socket: what no well-behaved client would send. */
import { connect, type Socket } from 'node:net';

export type RawAnswer = Readonly<{ status: number; head: string; body: string }>;

export type RawConnection = Readonly<{
  socket: Socket;
  write(bytes: string | Buffer): void;
  /** The next whole answer (by Content-Length); null once the other side closed. */
  answer(): Promise<RawAnswer | null>;
  /** Resolves once the other side closed. */
  closed: Promise<void>;
}>;

const parse = (bytes: Buffer): Readonly<{ answer: RawAnswer; length: number }> | null => {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = bytes.subarray(0, end).toString('latin1');
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? '0');
  const whole = end + 4 + length;
  if (bytes.length < whole) return null;
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  const body = bytes.subarray(end + 4, whole).toString('utf8');
  return { answer: { status, head, body }, length: whole };
};

export const connectRaw = (port: number): RawConnection => {
  const socket = connect(port, '127.0.0.1');
  let bytes = Buffer.alloc(0);
  let ended = false;
  let wake = (): void => {};
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    wake();
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      ended = true;
      wake();
      resolve();
    });
  });
  return {
    socket,
    closed,
    write: (data) => void socket.write(data),
    answer: async () => {
      for (;;) {
        const parsed = parse(bytes);
        if (parsed !== null) {
          bytes = bytes.subarray(parsed.length);
          // Interim answers (100 Continue) are not what was asked for.
          if (parsed.answer.status >= 200) return parsed.answer;
          continue;
        }
        if (ended) return null;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
};

/** One request on a connection of its own. */
export const sendRaw = async (port: number, bytes: string | Buffer): Promise<RawAnswer | null> => {
  const connection = connectRaw(port);
  connection.write(bytes);
  const answer = await connection.answer();
  connection.socket.destroy();
  return answer;
};
