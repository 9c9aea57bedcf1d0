/**
 * A batch of webhooks on its way to the writer: one text and one block of bytes that is moved, not
 * copied. As it stands it would be some twenty objects and five buffers an event, each cloned alone.
 */
import type { Receiving } from '../../deliveries/event-store.ts';
import type { Sealed } from '../../sealing.ts';

/** What crosses to the worker. `text`: the batch as JSON, with lengths where bytes stood. */
export type PackedBatch = Readonly<{ text: string; bytes: Buffer }>;

/** The same shape with other bytes in it. */
const replaced = <From, To>(
  { event, marks, deliveries, cancels }: Bare<From>,
  put: (from: From) => To,
): Bare<To> => ({
  event: { ...event, sealed: put(event.sealed) },
  marks: marks.map((each) => ({ ...each, mark: put(each.mark) })),
  deliveries: deliveries.map((each) => ({
    ...each,
    line: put(each.line),
    subject: put(each.subject),
  })),
  cancels: cancels.map((each) => ({ ...each, line: put(each.line), subject: put(each.subject) })),
});

type With<Row, Names extends keyof Row, Bytes> = Omit<Row, Names> & Readonly<Record<Names, Bytes>>;
type Bare<Bytes> = Readonly<{
  event: With<Receiving['event'], 'sealed', Bytes>;
  marks: readonly With<Receiving['marks'][number], 'mark', Bytes>[];
  deliveries: readonly With<Receiving['deliveries'][number], 'line' | 'subject', Bytes>[];
  cancels: readonly With<Receiving['cancels'][number], 'line' | 'subject', Bytes>[];
}>;

/** Packs a batch. */
export const packBatch = (batch: readonly Receiving[]): PackedBatch => {
  const buffers: Buffer[] = [];
  const lengthOf = (buffer: Buffer): number => {
    buffers.push(buffer);
    return buffer.length;
  };
  const text = JSON.stringify(batch.map((each) => replaced<Buffer, number>(each, lengthOf)));
  return { text, bytes: Buffer.concat(buffers) };
};

/** Opens what `packBatch` made. */
export const unpackBatch = ({ text, bytes }: PackedBatch): readonly Receiving[] => {
  let at = 0;
  const next = (length: number): Sealed => {
    at += length;
    return bytes.subarray(at - length, at) as Sealed;
  };
  const batch = JSON.parse(text) as readonly Bare<number>[];
  return batch.map((each) => replaced<number, Sealed>(each, next));
};
