/**
 * Log lines of webhooks. What is verified is a line each; whatever a stranger can bring about (refusals,
 * handshakes, our own faults meanwhile) is one line a second for each route and result, with how many
 * it stands for, so that nobody fills the log by knocking.
 */
import { webhookEvent, webhookFields, webhookLevels } from './log-fields.ts';
import type { Log } from './log.ts';
import type { RequestSettled } from './observe.ts';

const quietMs = 1_000;
/** Pairs of route and result remembered; beyond it the memory starts anew. */
const pairsMax = 4_000;

/** Makes what logs them; `record.webhook` must be there. Time is that of the records. */
export const makeWebhookLines = (log: Log): ((record: RequestSettled) => void) => {
  const lines = new Map<string, { at: number; held: number }>();

  /** How many of its like the line stands for; 0 = no line now. */
  const countFor = (key: string, at: number): number => {
    const last = lines.get(key);
    if (last !== undefined && at - last.at < quietMs && at >= last.at) {
      last.held += 1;
      return 0;
    }
    if (last === undefined && lines.size >= pairsMax) lines.clear();
    lines.set(key, { at, held: 0 });
    return (last?.held ?? 0) + 1;
  };

  return (record) => {
    const result = record.webhook?.result;
    if (result === undefined) return;
    const level = webhookLevels[result];
    if (!log.enabled(level)) return;
    const alone = result === 'stored' || result === 'duplicate';
    const count = alone ? 1 : countFor(`${record.route}\n${result}`, record.endedAt);
    if (count > 0) log.line(level, webhookEvent, webhookFields(record, count));
  };
};
