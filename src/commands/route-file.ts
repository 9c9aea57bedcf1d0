/** Loading the route file for a command, from disk or from a kept set of texts. */
import { resolve } from 'node:path';
import { filesOnDisk, keptFiles } from '../config/files-on-disk.ts';
import { loadConfig, type Loaded } from '../config/load.ts';
import type { KeyFetcher } from '../signatures/receiver.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The route file as it is now; `secrets` says whether references are resolved. Without `keyFetcher` no
 * webhook that is signed with fetched keys can be verified.
 */
export const load = (
  path: string,
  env: Env,
  secrets: boolean,
  keyFetcher?: KeyFetcher,
): Promise<Loaded> =>
  loadConfig({
    ...filesOnDisk,
    path: resolve(path),
    env,
    resolve: secrets,
    now: Date.now(),
    ...(keyFetcher === undefined ? {} : { keyFetcher }),
  });

/** A set of route files kept as last good; secrets still come from disk and environment. */
export const kept = (
  path: string,
  env: Env,
  sources: Readonly<Record<string, string>>,
  keyFetcher: KeyFetcher,
): Promise<Loaded> =>
  loadConfig({
    ...keptFiles(sources, filesOnDisk),
    path: resolve(path),
    env,
    resolve: true,
    now: Date.now(),
    keyFetcher,
  });
