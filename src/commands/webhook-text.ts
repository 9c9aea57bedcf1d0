/** What is told of a webhook as text for people. Pure. */
import { confidenceWords } from '../signatures/sender.ts';
import { printSections, wrapped, type Section } from './explain-text.ts';
import type { ShownDelivery, ShownStep, WebhookFacts } from './explain-webhook.ts';

const pairs = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([path, value]) => `${path} = ${JSON.stringify(value)}`)
    .join(', ');

const stepLine = (step: ShownStep): string => {
  const head = `  step ${step.name}: ${step.do} through ${step.route}`;
  if (step.state === 'skip') return `  step ${step.name}: skipped by its condition`;
  if (step.state === 'open') return `${head}, by what the source says`;
  if (step.state === 'fail') return `${head} would fail: ${step.why ?? ''}`;
  const parts = [
    pairs(step.find) && `find ${pairs(step.find)}`,
    pairs(step.set) && `set ${pairs(step.set)}`,
    step.group === null ? '' : `group ${JSON.stringify(step.group)}`,
  ];
  return [head, ...parts.filter((part) => part !== '')].join(', ');
};

const states: Readonly<Record<ShownDelivery['state'], string>> = {
  owed: 'yes',
  none: 'no',
  open: 'told when it is tried, from what the source says',
  fail: 'would be dead',
};

const deliveryLines = (delivery: ShownDelivery): readonly string[] => {
  const { name, to, plan, state, why } = delivery;
  const where = plan === null ? `to ${to ?? ''}` : `plan ${plan}`;
  const said = states[state];
  return [
    `${name}, ${where}: ${why === null ? said : `${said}: ${why}`}`,
    ...delivery.steps.map(stepLine),
  ];
};

const later = ', unless the source says otherwise';

const eventSections = (
  event: WebhookFacts['events'][number],
  at: number,
  { events, open }: WebhookFacts,
): readonly Section[] => {
  const { kind, type, subject, keys, effectiveAt, observedAt, changed, cancels } = event;
  return [
    {
      label: events.length > 1 ? `event ${at + 1}` : 'event',
      lines: [`${kind}${type === '' ? '' : ` (${type})`}${open ? later : ''}`],
    },
    { label: 'subject', lines: [subject === '' ? 'none could be read' : subject] },
    { label: 'keys', lines: Object.keys(keys).length === 0 ? [] : wrapped(pairs(keys)) },
    { label: 'effective', lines: [`${effectiveAt ?? 'at once'}${open ? later : ''}`] },
    { label: 'observed', lines: observedAt === null ? [] : [observedAt] },
    { label: 'changed', lines: changed.length === 0 ? [] : wrapped(changed.join(', ')) },
    { label: 'cancels', lines: cancels.length === 0 ? [] : [cancels.join(', ')] },
    { label: 'deliveries', lines: event.deliveries.flatMap(deliveryLines) },
  ];
};

const days = (ms: number): string =>
  ms % 86_400_000 === 0 ? `${ms / 86_400_000}d` : `${ms / 60_000}m`;

/** The text of `explain` for one webhook. */
export const printWebhook = (facts: WebhookFacts): string => {
  const { sender, repeats, events, items, beyond } = facts;
  const label = sender.confidence === null ? 'by its template' : confidenceWords[sender.confidence];
  return printSections([
    { label: 'route', lines: [`${facts.route}, which takes webhooks`] },
    { label: 'sender', lines: [`${sender.title} (${label})`] },
    { label: 'note', lines: sender.note === '' ? [] : wrapped(sender.note) },
    {
      label: 'repeats',
      lines:
        repeats === null
          ? ['told by its template']
          : [
              repeats.by === 'none'
                ? 'not told'
                : `told by ${repeats.by}, ${days(repeats.windowMs)}`,
            ],
    },
    { label: 'enrich', lines: facts.enrich === null ? [] : [`GET ${facts.enrich}`] },
    {
      label: 'unreadable',
      lines:
        facts.unreadable === null
          ? []
          : [facts.unreadable, 'It would be kept; its bytes go on where there is no condition.'],
    },
    { label: 'items', lines: items > 1 ? [`${items}, ${events.length} of them below`] : [] },
    { label: 'beyond', lines: beyond === 0 ? [] : [`${beyond} items become no deliveries`] },
    ...events.flatMap((event, at) => eventSections(event, at, facts)),
  ]);
};
