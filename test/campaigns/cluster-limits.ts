/** What several gateways admit together of one client's rate, under more load than it allows. */
import { makeLoadClient } from './load-client.ts';
import { sleep } from './several-gateways.ts';

const connections = 4;
/** A refused client asks again after this, ms: far more often than the rate gives way. */
const againMs = 25;
/** Calls by which a short run may be off: what comes in while the first and last call are under way. */
const slackCalls = 2;

export type Offered = Readonly<{
  bases: readonly string[];
  token: string;
  /** What is read, over and over. */
  path: string;
  seconds: number;
  perSecond: number;
  burst: number;
}>;

/** Loads all gateways at once and counts; the sum may depart from burst + rate * time by 1 %. */
export const admittedTogether = async (offered: Offered) => {
  const { bases, token, path, seconds, perSecond, burst } = offered;
  const counts = { admitted: 0, refused: 0, other: 0 };
  const clients = bases.map((base) => makeLoadClient({ base, token, connections }));
  const began = performance.now();
  let ended = began;
  const worker = async (client: (typeof clients)[number]): Promise<void> => {
    while (performance.now() - began < seconds * 1_000) {
      const answer = await client.ask('GET', path);
      ended = Math.max(ended, performance.now());
      if (answer?.status === 200) counts.admitted += 1;
      else if (answer?.status === 429) counts.refused += 1;
      else counts.other += 1;
      if (answer?.status !== 200) await sleep(againMs);
    }
  };
  await Promise.all(
    clients.flatMap((client) => Array.from({ length: connections }, () => worker(client))),
  );
  await Promise.all(clients.map((client) => client.close()));
  const allowed = burst + (perSecond * (ended - began)) / 1_000;
  const departure = (counts.admitted - allowed) / allowed;
  // Redis that is silent for 20 ms costs a quarter of a second of shares: much of a few seconds.
  const fewer = seconds < 10 ? allowed / 10 : allowed / 100;
  const over = counts.admitted - allowed;
  const ok =
    over <= Math.max(allowed / 100, slackCalls) &&
    -over <= Math.max(fewer, slackCalls) &&
    counts.refused > 0 &&
    counts.other === 0;
  return {
    ok,
    line: `${bases.length} gateways admitted ${counts.admitted} of ${allowed.toFixed(1)} in ${((ended - began) / 1_000).toFixed(1)} s, refused ${counts.refused}`,
    figures: {
      'admitted together': counts.admitted,
      'burst + rate * time': Number(allowed.toFixed(1)),
      'departure (%)': Number((departure * 100).toFixed(2)),
      'refused (429)': counts.refused,
      'neither admitted nor refused': counts.other,
    },
  };
};
