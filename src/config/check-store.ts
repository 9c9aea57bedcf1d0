/**
 * What the schema of the store cannot see: what its engine needs or does not know, targets that may
 * take longer than a lease, and connections on which others could listen.
 */
import { isPrivateHost } from './private-host.ts';
import { locate, nearestSpot, type MapTree, type Report } from './positions.ts';
import type { Path } from './problem.ts';
import type { Parsed } from './parse-sections.ts';
import type { StoreFileSettings } from './schema.ts';
import { isLoopback } from './store-url.ts';

type Context = Readonly<{ file: MapTree; parsed: Parsed; report: Report; warn: Report }>;

/** Time by which a lease must outlast a send, ms: what the answer needs to be settled in. */
const leaseMarginMs = 1_000;

/** A send begins only while its whole timeout fits into the lease, so these could never begin. */
const checkTimeouts = ({ file, parsed, report }: Context, leaseMs: number): void => {
  for (const [name, { timeout }] of parsed.targets) {
    if (timeout <= leaseMs - leaseMarginMs) continue;
    const path = ['targets', name, 'timeout'];
    report(
      nearestSpot(file, path),
      path,
      'nothing could be sent there: the timeout must be at least 1s below store.lease',
    );
  }
};

/** One switched URL needs no other change, so these are no errors; yet nobody should count on them. */
const warnAlone = ({ file, warn }: Context): void => {
  const words = [
    ['user', 'a SQLite store asks nobody who they are: this does nothing'],
    ['password', 'a SQLite store asks nobody who they are: this does nothing'],
    ['lease', 'a SQLite store belongs to one gateway: this does nothing'],
    ['sharedLimits', 'a SQLite store belongs to one gateway: rates are shared with nobody'],
  ] as const;
  for (const [key, message] of words) {
    const found = locate(file, ['store', key]);
    if (found !== undefined) warn(found.key ?? found.value.at, ['store', key], message);
  }
};

/** A plain name is one of a container network or a hosts file. */
const isNear = (host: string): boolean =>
  isLoopback(host) || isPrivateHost(host) || !/[.:]/.test(host);

const warnOpenLines = ({ file, warn }: Context, store: StoreFileSettings): void => {
  const tell = (path: Path, message: string): void => warn(nearestSpot(file, path), path, message);
  const { url, sharedLimits } = store;
  if (url.engine === 'postgres' && !isNear(url.host)) {
    if (url.tls === 'off')
      tell(['store', 'url'], 'sslmode=disable sends the password and the ledger in the clear');
    if (url.tls === 'require')
      tell(['store', 'url'], 'sslmode=require does not look who answers; use verify-full');
  }
  if (sharedLimits !== undefined && !sharedLimits.url.tls && !isNear(sharedLimits.url.host))
    tell(
      ['store', 'sharedLimits', 'url'],
      'redis: sends the password and names of clients in the clear; use rediss:',
    );
};

/** Reports and warns of all of it. */
export const checkStore = (context: Context): void => {
  const { store } = context.parsed;
  if (store === null) return;
  if (store.url.engine === 'sqlite') warnAlone(context);
  else {
    checkTimeouts(context, store.lease);
    if (store.user === undefined)
      context.report(
        nearestSpot(context.file, ['store', 'url']),
        ['store', 'user'],
        'PostgreSQL needs to know who comes: write user: beside the URL',
      );
  }
  warnOpenLines(context, store);
};
