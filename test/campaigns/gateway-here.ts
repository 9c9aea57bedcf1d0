/** A gateway in this process, over the home of a gateway's process: for campaigns that own its time. */
import type { Clock } from '../../src/clock.ts';
import { filesOnDisk, keptFiles } from '../../src/config/files-on-disk.ts';
import { loadConfig, noKeys } from '../../src/config/load.ts';
import { startGateway, type Gateway } from '../../src/gateway.ts';
import { systemRandom } from '../../src/ids.ts';
import { silentObserver } from '../../src/telemetry/observe.ts';
import type { Home } from './gateway-process.ts';

export const startGatewayHere = (home: Home, clock: Clock): Promise<Gateway> => {
  const input = { path: home.configPath, env: home.env, resolve: true };
  return startGateway({
    clock,
    random: systemRandom,
    observer: silentObserver,
    metrics: () => Promise.resolve(''),
    keyFetcher: noKeys,
    load: () => loadConfig({ ...filesOnDisk, ...input, now: clock.now() }),
    loadKept: (sources) =>
      loadConfig({ ...keptFiles(sources, filesOnDisk), ...input, now: clock.now() }),
    strict: true,
    watch: false,
  });
};
