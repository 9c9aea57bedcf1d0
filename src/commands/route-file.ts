/** Loading the route file for a command, from disk or from a kept set of texts. */
import { resolve } from 'node:path';
import { filesOnDisk, keptFiles } from '../config/files-on-disk.ts';
import { loadConfig, type Loaded } from '../config/load.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The route file as it is now; `secrets` says whether references are resolved. */
export const load = (path: string, env: Env, secrets: boolean): Promise<Loaded> =>
  loadConfig({ ...filesOnDisk, path: resolve(path), env, resolve: secrets, now: Date.now() });

/** A set of route files kept as last good; secrets still come from disk and environment. */
export const kept = (
  path: string,
  env: Env,
  sources: Readonly<Record<string, string>>,
): Promise<Loaded> =>
  loadConfig({
    ...keptFiles(sources, filesOnDisk),
    path: resolve(path),
    env,
    resolve: true,
    now: Date.now(),
  });
