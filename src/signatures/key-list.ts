/** What all schemes do with the keys of a route. */
import type { KeyMaterial } from './receiver.ts';

/** Most keys that are tried for one message. */
const keysMax = 16;

/** Those valid at `now` (wall ms), at most 16. */
export const keysValidAt = <Key extends Pick<KeyMaterial, 'notBefore' | 'until'>>(
  keys: readonly Key[],
  now: number,
): readonly Key[] =>
  keys.filter(({ notBefore, until }) => notBefore <= now && now < until).slice(0, keysMax);
