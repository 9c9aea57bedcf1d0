/** What a proof makes of a message: its id and time, and whether it is fresh. */
import { readNumber, readPlace } from './places.ts';
import type { Received, Unverified, Verdict, Verified } from './receiver.ts';
import type { Proof } from './scheme.ts';
import type { Place, Sender } from './sender.ts';
import { parseTime } from './times.ts';

type Said = Readonly<{ received: Received; proof: Proof }>;

/** Text of a place: what was proven where it is signed, else what stands there. */
const textAt = (
  place: Readonly<{ at: Place; signed: boolean }>,
  proven: string | null,
  { received, proof }: Said,
): string | null => {
  // A header or parameter beside what is signed never stands in for a text inside of it.
  if (place.signed && !('body' in place.at)) return proven;
  return (place.signed ? proven : null) ?? readPlace(place.at, received, proof.contents);
};

const idOf = ({ id }: Sender, said: Said): Verified['id'] => {
  const { signedId } = said.proof;
  if (id === null) return signedId === null ? null : { value: signedId, signed: true };
  const value = textAt(id, signedId, said);
  return value === null ? null : { value, signed: id.signed };
};

const sentAtOf = ({ time }: Sender, said: Said): Verified['sentAt'] => {
  const text = time === null ? null : textAt(time, said.proof.signedTime, said);
  const at = text === null || time === null ? null : parseTime(text, time.unit);
  return at === null || time === null ? null : { at, signed: time.signed };
};

const stale = (reason: string): Unverified => ({
  kind: 'refused',
  code: 'timestamp_stale',
  reason,
});

/** The verdict on what was proven. Only a signed time opens or closes the window. */
export const conclude = (
  { sender, toleranceMs }: Readonly<{ sender: Sender; toleranceMs: number }>,
  said: Said,
  now: number,
): Verdict => {
  const { received, proof } = said;
  const sentAt = sentAtOf(sender, said);
  if (sender.time?.signed === true && sender.toleranceMs !== null) {
    if (sentAt === null) return stale('no signed time');
    if (Math.abs(now - sentAt.at) > toleranceMs)
      return stale(sentAt.at < now ? 'signed too long ago' : 'signed in the future');
  }
  return {
    kind: 'verified',
    keyId: proof.keyId,
    id: idOf(sender, said),
    sentAt,
    signature: proof.signature,
    sequence: sender.sequence === null ? null : readNumber(sender.sequence, received),
    retry: sender.retry === null ? 0 : (readNumber(sender.retry, received) ?? 0),
  };
};
