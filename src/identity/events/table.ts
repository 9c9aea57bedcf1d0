/**
 * The mappings. A new one is one file and one line here; nobody compares names. A sender that has
 * none is read by the generic one.
 */
import type { Mapping } from './mapping.ts';
import { generic } from './sources/generic.ts';

/** All of them, the generic one last. */
export const mappings: readonly Mapping[] = Object.freeze([generic]);

const bySender: ReadonlyMap<string, Mapping> = new Map(
  mappings.flatMap((mapping) =>
    [mapping.name, ...mapping.senders].map((sender): [string, Mapping] => [sender, mapping]),
  ),
);

/** The mapping of a sender (signatures/). */
export const mappingOf = (sender: string): Mapping => bySender.get(sender) ?? generic;
