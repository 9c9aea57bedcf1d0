/** The senders as a table of the README. */
import { confidenceWords, type Confidence, type Place, type Sender } from './sender.ts';
import { schemes, senders } from './table.ts';

const code = (text: string): string => `\`${text}\``;

/** Headers that a scheme names in its options, in their order. */
const headersIn = (options: unknown): readonly string[] => {
  if (typeof options !== 'object' || options === null) return [];
  return Object.entries(options).flatMap(([name, value]) => {
    if (name === 'header' && typeof value === 'string') return [value];
    return name === 'headers' && Array.isArray(value)
      ? value.map((one) => `${String(one)}-signature`)
      : headersIn(value);
  });
};

const placed = (at: Place): readonly string[] => ('header' in at ? [at.header] : []);

const headersOf = ({ scheme, id, time }: Sender): string =>
  [
    ...new Set([
      ...headersIn(scheme.options),
      ...(scheme.options['token'] === 'bearer' ? ['authorization'] : []),
      ...(id === null ? [] : placed(id.at)),
      ...(time === null ? [] : placed(time.at)),
    ]),
  ]
    .map(code)
    .join(' ');

const units: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
];
/** The duration in the largest unit that says it exactly: `30d`, `5m`. */
const written = (ms: number): string => {
  const [size, unit] = units.find(([each]) => ms % each === 0) ?? [1, 'ms'];
  return `${ms / size}${unit}`;
};

const repeats = ({ dedupe }: Sender): string =>
  dedupe.by === 'none' ? 'none' : `${dedupe.by}, ${written(dedupe.windowMs)}`;

const sure = (confidence: Confidence): string =>
  confidence === 'unverified' ? `**${confidenceWords[confidence]}**` : confidenceWords[confidence];

/** Heading and rows: name, what it is, scheme, headers, repeats, window, handshake, answer, how sure, note. */
export const senderTable = (): readonly (readonly string[])[] => [
  [
    'scheme',
    'sender',
    'proven by',
    'headers',
    'repeats told by',
    'tolerance',
    'handshake',
    'acknowledged with',
    'how sure',
    'note',
  ],
  ...Object.values(senders).map((sender) => [
    code(sender.name),
    sender.title,
    code(schemes[sender.scheme.name]?.name ?? ''),
    headersOf(sender),
    repeats(sender),
    sender.toleranceMs === null ? '' : written(sender.toleranceMs),
    sender.handshake === null ? '' : code(sender.handshake.name),
    String(sender.ack.status),
    sure(sender.confidence),
    sender.note,
  ]),
];
