/** What is counted of webhooks: messages by what was made of them, and how their sources behave. */
import { cellOf, type Cell, type Instrument } from './instruments.ts';
import type { RequestSettled, SourceNoticed } from './observe.ts';

const cells = (
  name: string,
  kind: 'counter' | 'gauge',
  unit: string,
  description: string,
): Instrument<Cell> => ({
  name,
  kind,
  unit,
  description,
  boundaries: [],
  series: new Map<string, Cell>(),
});

/** The instruments, and who records on them. */
export type WebhookMetrics = Readonly<{
  instruments: readonly Instrument<Cell>[];
  /** Does nothing for what was no webhook. */
  settled(record: RequestSettled): void;
  noticed(record: SourceNoticed): void;
}>;

export const makeWebhookMetrics = (): WebhookMetrics => {
  const webhooks = cells(
    'sallyport.webhooks',
    'counter',
    '{message}',
    'Messages at webhook routes, by what was made of them.',
  );
  const silent = cells(
    'sallyport.webhooks.silent',
    'gauge',
    '1',
    'Is a source silent for longer than its route expects: 1 yes, 0 no.',
  );
  const missed = cells(
    'sallyport.webhooks.missed',
    'counter',
    '{message}',
    "Numbers of a source's sequence that did not come within a minute.",
  );
  const retried = cells(
    'sallyport.webhooks.retried',
    'counter',
    '{message}',
    'Messages that their source had to send again before they were stored.',
  );
  return {
    instruments: [webhooks, silent, missed, retried],
    settled: ({ webhook, route, code }) => {
      if (webhook === undefined) return;
      const { sender, result } = webhook;
      cellOf(webhooks, `${route}\n${sender}\n${result}\n${code}`, () => ({
        'sallyport.route': route ?? '',
        'sallyport.scheme': sender,
        'sallyport.result': result,
        ...(code === null ? {} : { 'error.type': code }),
      })).value += 1;
    },
    noticed: ({ route, kind, count }) => {
      const at = () => ({ 'sallyport.route': route });
      if (kind === 'silent' || kind === 'returned') {
        cellOf(silent, route, at).value = kind === 'silent' ? 1 : 0;
      }
      if (kind === 'missed') cellOf(missed, route, at).value += count;
      if (kind === 'retried') cellOf(retried, route, at).value += count;
    },
  };
};
