/** How repeats of a sender are told unless somebody says otherwise. */
import type { DedupeBy } from './receiver.ts';
import type { Sender } from './sender.ts';

const dayMs = 86_400_000;

/** Longest time that a body alone tells a repeat, ms: two changes may have the same text. */
export const bodyWindowMaxMs = 600_000;

/** Schemes that sign nothing of the message. */
const presenting: ReadonlySet<string> = new Set(['static', 'body-token']);

/**
 * A signed id tells repeats by itself. An unsigned one can be changed by whoever replays, so body and
 * signature tell them too, for 400 days where no signed time ends the replay. Where nothing is signed,
 * the id is all there is; where there is neither id nor time, the body, for ten minutes.
 */
export const dedupeFor = (
  sender: Pick<Sender, 'id' | 'time'> & Readonly<{ scheme: string }>,
): Readonly<{ by: DedupeBy; windowMs: number }> => {
  const { id, time, scheme } = sender;
  const signsTime = time?.signed === true;
  if (id === null && time === null) return { by: 'body', windowMs: bodyWindowMaxMs };
  if (id?.signed === true || presenting.has(scheme))
    return id === null
      ? { by: 'body', windowMs: bodyWindowMaxMs }
      : { by: 'id', windowMs: 30 * dayMs };
  return { by: 'signature', windowMs: (signsTime ? 30 : 400) * dayMs };
};

/** How repeats of a route are told: what it says (`window` in ms) over what its receiver says. */
export const effectiveDedupe = (
  {
    dedupe,
  }: Readonly<{
    dedupe?: Readonly<{ by?: DedupeBy | undefined; window?: number | undefined }> | undefined;
  }>,
  preset: Readonly<{ by: DedupeBy; windowMs: number }>,
): Readonly<{ by: DedupeBy; windowMs: number }> => {
  const by = dedupe?.by ?? preset.by;
  const otherwise = by === 'body' ? Math.min(preset.windowMs, bodyWindowMaxMs) : preset.windowMs;
  return { by, windowMs: dedupe?.window ?? otherwise };
};
