/**
 * From one chain to the next: what a write queue does when another gateway closed the chain it wrote.
 * Whoever waits is refused; outcomes go into the next chain, those of calls as late sends.
 */
import { genesis } from './chain.ts';
import { asLateSend } from './own-records.ts';
import { become, type Queue } from './queue-state.ts';
import type { LedgerRecord } from './record.ts';
import type { Head } from './store.ts';
import { changeRecords, refuseWaiters } from './waiting.ts';

/** Chains remembered as this process's former ones; outcomes come within minutes. */
const formerMax = 100;

/** Says that a call ended late. */
export const tellLate = (queue: Queue, record: LedgerRecord): void => {
  if (record.kind !== 'outcome') return;
  queue.deps.observer.lateSend({ ledgerId: record.entry, outcome: record.outcome });
};

/** Leaves the chain for good; the next one is not known yet. */
export const leaveChain = (queue: Queue): void => {
  const { former, waiting } = queue;
  former.push(queue.writer);
  if (former.length > formerMax) former.shift();
  become(queue, 'reclaiming', `another gateway closed the chain ${queue.writer}`);
  refuseWaiters(waiting, { keepReserved: false });
  changeRecords(waiting, (record) => {
    const meant = asLateSend(record, former);
    if (meant !== record) tellLate(queue, meant);
    return meant;
  });
};

/** Goes on from the head of a chain. */
export const adoptChain = (queue: Queue, head: Head): void => {
  queue.writer = head.writer;
  queue.next = head.next;
  queue.digest = head.digest ?? genesis(head.writer);
  queue.newestAt = head.newestAt;
  queue.waiting.lastAt = Math.max(queue.waiting.lastAt, head.newestAt ?? 0);
};
