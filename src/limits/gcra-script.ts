/**
 * The decision of memory.ts as one Lua script that Redis runs as one step, in whole microseconds of
 * the server's own time. A bucket is one string: the instant at which it is full again. It expires
 * then, so a full bucket takes no room. Text, arguments and reply; no connection.
 */
import type { CompiledLimit } from '../policy/decision.ts';
import type { LimitState, Taken } from './limiter.ts';
import { revocationReserve } from './memory.ts';

/**
 * KEYS: one bucket per asked limit, perhaps one of them twice. ARGV: '1' for a revocation; '' or, in
 * tests, the time; then for each key the interval of one call, the level up to which ordinary calls
 * may fill it, the level up to which revocations may, and the level that calls admitted elsewhere add.
 * Reply: wait, index of what refused (0 = admitted), then the level of each bucket afterwards, then what
 * of each fourth number found no room: a used up bucket takes it only as it runs out again.
 * A level far in the future (the server's clock went back) counts as a used up bucket.
 */
export const gcraScript = `
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local levels, after, unpaid = {}, {}, {}
local wait, refuser = 0, 0
for i, key in ipairs(KEYS) do
  local at = 4 * i - 1
  local interval, burst, room = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local full = tonumber(redis.call('GET', key) or 0)
  local level = math.min(math.max(full - now, 0), room)
  local paid = math.min(tonumber(ARGV[at + 3]), math.max(room - level, 0))
  unpaid[i] = tonumber(ARGV[at + 3]) - paid
  level = level + paid
  levels[i] = level
  local over = level + interval - (ARGV[1] == '1' and room or burst)
  if over > wait then wait, refuser = over, i end
end
for i, key in ipairs(KEYS) do
  local at = 4 * i - 1
  local owed = tonumber(ARGV[at + 3]) > 0
  after[key] = levels[i] + (refuser == 0 and tonumber(ARGV[at]) or 0)
  if (refuser == 0 or owed) and after[key] > 0 then
    redis.call('SET', key, string.format('%.0f', now + after[key]), 'PX', string.format('%.0f', math.ceil(after[key] / 1000)))
  end
end
local reply = { wait, refuser }
for i, key in ipairs(KEYS) do
  reply[i + 2] = refuser == 0 and math.min(after[key], tonumber(ARGV[4 * i + 1])) or levels[i]
  reply[i + 2 + #KEYS] = unpaid[i]
end
return reply
`;

/** Whole microseconds between two calls, rounded up: never faster than written. */
const intervalUs = ({ seconds, count }: CompiledLimit): number =>
  Math.max(1, Math.ceil((seconds * 1_000_000) / count - 1e-6));

export type Asking = Readonly<{
  /** Begins every key, up to the colon; its hash tag keeps all of them in one slot of a cluster. */
  prefix: string;
  revocation: boolean;
  /** Calls admitted elsewhere, by key of the limit. */
  debts: ReadonlyMap<string, number>;
  /** Microseconds; null = the server's time, as always but in tests. */
  nowUs: number | null;
}>;

/** Arguments of the script, the number of keys first. */
export const scriptArguments = (
  limits: readonly CompiledLimit[],
  { prefix, revocation, debts, nowUs }: Asking,
): readonly (string | number)[] => {
  const keys: string[] = [];
  const numbers: number[] = [];
  for (const limit of limits) {
    const each = intervalUs(limit);
    const room = limit.burst + revocationReserve(limit.burst);
    keys.push(`${prefix}:${limit.key}`);
    const owed = Math.ceil((debts.get(limit.key) ?? 0) * each);
    numbers.push(each, limit.burst * each, room * each, owed);
  }
  return [keys.length, ...keys, revocation ? 1 : 0, nowUs ?? '', ...numbers];
};

/** What the reply says; null where it is not one of the script. */
export const readReply = (limits: readonly CompiledLimit[], reply: unknown): Taken | null => {
  if (!Array.isArray(reply) || reply.length !== limits.length * 2 + 2) return null;
  if (!reply.every((one) => typeof one === 'number')) return null;
  const [waitUs, refuser, ...levels] = reply as [number, number, ...number[]];
  return {
    admitted: refuser === 0,
    states: limits.map((limit, index) => stateOf(limit, levels[index] as number)),
    retryAfterSeconds: refuser === 0 ? 0 : Math.max(1, Math.ceil(waitUs / 1_000_000)),
    refusedBy: refuser === 0 ? null : (limits[refuser - 1] as CompiledLimit),
  };
};

/** Calls admitted elsewhere that the buckets had no room for, by key; `reply` is one of the script. */
export const unpaidOf = (
  limits: readonly CompiledLimit[],
  reply: readonly number[],
): ReadonlyMap<string, number> => {
  const unpaid = new Map<string, number>();
  limits.forEach((limit, index) => {
    const us = reply[2 + limits.length + index] ?? 0;
    if (us > 0) unpaid.set(limit.key, us / intervalUs(limit));
  });
  return unpaid;
};

const stateOf = (limit: CompiledLimit, levelUs: number): LimitState => ({
  limit,
  remaining: Math.max(0, Math.floor(limit.burst - levelUs / intervalUs(limit) + 1e-9)),
  resetSeconds: Math.ceil(levelUs / 1_000_000),
});
