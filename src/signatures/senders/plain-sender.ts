/** What most senders have in common, so that a descriptor says only what is its own. */
import { dedupeFor } from '../dedupe.ts';
import type { Sender } from '../sender.ts';

type Needed = 'name' | 'title' | 'confidence' | 'source' | 'scheme' | 'note';

/** Window of senders that sign their time, unless they say otherwise: five minutes. */
const toleranceMs = 300_000;

/** A sender that takes no settings, has no handshake and is answered with 202, unless it says so. */
export const plainSender = (own: Pick<Sender, Needed> & Partial<Omit<Sender, Needed>>): Sender => {
  const { id = null, time = null } = own;
  return {
    settings: null,
    id,
    time,
    toleranceMs: time?.signed === true ? toleranceMs : null,
    sequence: null,
    retry: null,
    handshake: null,
    ack: { status: 202, body: null },
    refusalForm: null,
    dedupe: dedupeFor({ id, time, scheme: own.scheme.name }),
    answersWithinMs: null,
    ...own,
  };
};
