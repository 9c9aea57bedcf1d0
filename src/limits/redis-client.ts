/**
 * The connection to Redis or Valkey: how it is set up, how long it waits before it is made again, and
 * what its failures mean. Failures come out as sentences of ours: what the driver throws may hold the
 * command that failed, and with it the password. Waits for nothing but what it is told to.
 */
import { isIP } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';
import { gcraScript } from './gcra-script.ts';
import type { SharedLimitsAt } from './shared-at.ts';

/** The script as a command: the number of keys, the keys, then its arguments (gcra-script.ts). */
export type RedisClient = Redis & {
  sallyportTake(...args: readonly (string | number)[]): Promise<unknown>;
};

/** A connection that says nothing for so long while it is asked is made anew, ms. */
const silenceMsMax = 1_000;
/** Longest wait between two attempts to connect, ms: gateways come back within about as long. */
const retryMsMax = 2_000;

/** Half of a doubling wait is left to chance, so that gateways do not come back in one wave. */
export const pauseMs = (times: number, msMax: number, jitter: () => number): number =>
  Math.min(msMax, 250 * 2 ** Math.min(16, times)) * (0.5 + jitter() / 2);

/** Makes a client that is not connected yet and never waits with commands until it is. */
export const makeRedisClient = (at: SharedLimitsAt, jitter: () => number): RedisClient => {
  const options = {
    host: at.host,
    port: at.port,
    db: at.database,
    ...(at.user === null ? {} : { username: at.user }),
    ...(at.password === null ? {} : { password: at.password }),
    ...(at.tls ? { tls: isIP(at.host) > 0 ? {} : { servername: at.host } } : {}),
    connectionName: 'sallyport',
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: silenceMsMax,
    socketTimeout: silenceMsMax,
    retryStrategy: (times: number) => pauseMs(times - 1, retryMsMax, jitter),
    // A replica takes no writes; the name may lead to the new primary by now.
    reconnectOnError: ({ message }: Error) => message.startsWith('READONLY'),
  } satisfies RedisOptions;
  const client = new Redis(options);
  client.defineCommand('sallyportTake', { lua: gcraScript });
  return client as RedisClient;
};

const wrongLogin = 'it refuses the user or the password of store.sharedLimits';

/** By the first word of an answer of the server, or the code of a failure of the connection. */
const reasons: ReadonlyMap<string, string> = new Map([
  ['WRONGPASS', wrongLogin],
  ['NOAUTH', 'it asks for a password; write one at store.sharedLimits'],
  [
    'NOPERM',
    'its user may not run scripts (EVAL, EVALSHA, TIME, GET, SET on the keys of Sallyport)',
  ],
  ['READONLY', 'it is a replica and takes no writes'],
  ['OOM', 'its memory is used up'],
  ['LOADING', 'it is still loading its data'],
  ['MISCONF', 'it takes no writes because it cannot save'],
  ['ECONNREFUSED', 'nothing listens there'],
  ['ENOTFOUND', 'its name does not resolve'],
  ['EAI_AGAIN', 'its name does not resolve'],
  ['ETIMEDOUT', 'connecting takes too long'],
  ['ECONNRESET', 'the connection was cut'],
  ['EPIPE', 'the connection was cut'],
]);

/** Why it is away, in our own words. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'it failed';
  const { code } = error as NodeJS.ErrnoException;
  const known = reasons.get(code ?? '') ?? reasons.get(error.message.split(' ', 1)[0] ?? '');
  if (known !== undefined) return known;
  if (/^ERR .*(?:AUTH|DB index)/i.test(error.message)) {
    return /AUTH/i.test(error.message) ? wrongLogin : 'it has no such database';
  }
  if (/^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO)/.test(code ?? '')) {
    return 'its certificate is not trusted, or it speaks no TLS';
  }
  if (error.message.startsWith('Socket timeout')) return 'it does not answer';
  return /closed|writeable|aborted|retries/i.test(error.message)
    ? 'the connection was cut'
    : 'it failed';
};
