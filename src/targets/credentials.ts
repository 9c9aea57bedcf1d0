/**
 * Which credential slot of a target is sent: the first that has not expired and that the target did
 * not refuse within the last minute. Values never leave this file but as a printed header.
 */
import type { Clock } from '../clock.ts';

/** A resolved slot as the snapshot holds it (structurally `ResolvedCredential`). */
export type CredentialSlot = Readonly<{
  headerName: string;
  headerValue: string;
  expiresAt: number;
}>;

/** A slot ready to be sent. */
export type UsableSlot = Readonly<{
  index: number;
  /** [name, value], or empty for a target without authentication. */
  header: readonly string[];
  expiresAt: number;
  /** Texts to be masked in error answers. */
  secrets: readonly string[];
}>;

export type Credentials = Readonly<{
  /** The slot to send now, or null if none is usable. `except` were refused within this call. */
  choose(except: ReadonlySet<number>): UsableSlot | null;
  /** The target answered 401 to this slot: others go first for a minute. True where that is news. */
  refused(index: number): boolean;
}>;

const refusedMs = 60_000;
/** Shorter texts would mask harmless words. */
const secretLengthMin = 6;

const secretsOf = ({ headerValue }: CredentialSlot): readonly string[] => {
  const bare = headerValue.slice(headerValue.indexOf(' ') + 1);
  const basic = /^basic /i.test(headerValue) ? Buffer.from(bare, 'base64').toString('utf8') : '';
  const password = basic.slice(basic.indexOf(':') + 1);
  return [bare, password].filter((text) => text.length >= secretLengthMin);
};

const anonymous: UsableSlot = {
  index: -1,
  header: [],
  expiresAt: Number.POSITIVE_INFINITY,
  secrets: [],
};

/** `anonymousAllowed`: the target was written without `auth:`. */
export const makeCredentials = (
  slots: readonly CredentialSlot[],
  anonymousAllowed: boolean,
  clock: Clock,
): Credentials => {
  const usable: readonly UsableSlot[] = slots.map((slot, index) => ({
    index,
    header: [slot.headerName.toLowerCase(), slot.headerValue],
    expiresAt: slot.expiresAt,
    secrets: secretsOf(slot),
  }));
  const refusedUntil = usable.map(() => Number.NEGATIVE_INFINITY);
  return {
    choose: (except) => {
      if (usable.length === 0) return anonymousAllowed && except.size === 0 ? anonymous : null;
      const now = clock.now();
      const monotonic = clock.monotonic();
      let second: UsableSlot | null = null;
      for (const slot of usable) {
        if (now >= slot.expiresAt || except.has(slot.index)) continue;
        if (monotonic >= (refusedUntil[slot.index] as number)) return slot;
        second ??= slot;
      }
      return second;
    },
    refused: (index) => {
      const now = clock.monotonic();
      const news = now >= (refusedUntil[index] ?? Number.NEGATIVE_INFINITY);
      if (index >= 0 && news) refusedUntil[index] = now + refusedMs;
      return news;
    },
  };
};
