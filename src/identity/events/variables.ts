/**
 * What expressions of webhook routes see: `event` and `enriched`. Conditions, order, templates and
 * plans are compiled with these types and judged with these values; nobody else makes them up.
 */
import type { VariableType } from '../../expressions.ts';
import type { Json } from '../json-value.ts';
import type { LifecycleEvent } from './event.ts';

/** For `compileExpression`. `enriched` is null where nothing was read. */
export const eventVariableTypes = Object.freeze({
  event: 'map',
  enriched: 'dyn',
} as const satisfies Record<string, VariableType>);

/** CEL's timestamps are Dates here, as in the conditions of grants. */
const timestamp = (at: number | null): Date | null => (at === null ? null : new Date(at));

/** Values of those variables. Instants are google.protobuf.Timestamp or null. */
export const eventVariables = (
  event: LifecycleEvent,
  enriched: Json | null,
): Readonly<Record<keyof typeof eventVariableTypes, unknown>> => ({
  event: {
    ...event,
    effectiveAt: timestamp(event.effectiveAt),
    observedAt: timestamp(event.observedAt),
  },
  enriched,
});
