/**
 * The trace at the edge. A caller's `traceparent` is linked, not trusted: our trace starts anew,
 * unless the route says `trace: continue` (gateway-practice §2.3). W3C Trace Context level 1.
 */
import { newSpanId, newTraceId, type Random, type SpanId, type TraceId } from '../ids.ts';

/** A caller's span, as its header names it. */
export type RemoteSpan = Readonly<{ traceId: string; spanId: string }>;

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The caller's span, or null where the header is absent or malformed. */
export const parseTraceParent = (header: string | undefined): RemoteSpan | null => {
  const match = header === undefined ? null : pattern.exec(header);
  if (match === null) return null;
  const [, traceId, spanId] = match as unknown as [string, string, string];
  return /^0+$/.test(traceId) || /^0+$/.test(spanId) ? null : { traceId, spanId };
};

/** Ids of our SERVER span. */
export const beginTrace = (
  remote: RemoteSpan | null,
  continued: boolean,
  now: number,
  random: Random,
): Readonly<{ traceId: TraceId; spanId: SpanId }> => ({
  traceId: continued && remote !== null ? (remote.traceId as TraceId) : newTraceId(now, random),
  spanId: newSpanId(random),
});
