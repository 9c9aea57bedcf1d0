/**
 * Holds joint notes against each other and against the chains: each names the one before, heads only
 * grow, closed chains stay as they are, and every chain that was ever named must be there.
 */
import { jointDigest, readJoint } from './joint-notes.ts';
import { report, type Expected, type State } from './verify-state.ts';

/** Keeps a checkpoint until its chain is reached. */
export const expect = (state: State, writer: string, expected: Expected): void => {
  const waiting = state.expected.get(writer) ?? new Map<number, readonly Expected[]>();
  const alike = waiting.get(expected.size) ?? [];
  if (alike.some(({ digest }) => digest.equals(expected.digest))) return;
  waiting.set(expected.size, [...alike, expected]);
  state.expected.set(writer, waiting);
};

/** Takes a joint note; false where it is none. */
export const takeJoint = (state: State, note: string, outside: boolean): boolean => {
  const joint = readJoint(note, state.options.publicKey ?? null);
  if (joint === null) return false;
  const { number, heads, signed } = joint;
  const at = `joint checkpoint ${number}`;
  if (signed === false) {
    report(state, 'signature', at, 'the key given did not sign this checkpoint');
    return true;
  }
  state.checkpoints += 1;
  if (outside) {
    state.jointsOutside.set(number, note);
    for (const { writer, size, digest } of heads) expect(state, writer, { size, digest, outside });
    return true;
  }
  const { joint: last } = state;
  // Nothing removes notes: the first that is here is the first there ever was.
  const follows =
    number === (last?.number ?? 0) + 1 && joint.previous.equals(jointDigest(last?.note ?? null));
  if (!follows) report(state, 'rewritten', at, 'it does not follow the one before it');
  const held = state.jointsOutside.get(number);
  if (held !== undefined && held !== note) {
    report(state, 'rewritten', at, 'another one of this number is held elsewhere');
  }
  state.joint = { number, note };
  for (const head of heads) {
    const before = state.joined.get(head.writer);
    const shrinks = before !== undefined && (head.size < before.size || grewClosed(before, head));
    if (shrinks) report(state, 'rewritten', at, `the chain ${head.writer} is another one before`);
    state.joined.set(head.writer, head);
  }
  return true;
};

type Head = Readonly<{ size: number; closed: boolean }>;

const grewClosed = (before: Head, now: Head): boolean => before.closed && now.size > before.size;

/** Once all joint notes are read: what they name must be found in the chains. */
export const joinChains = (state: State): void => {
  for (const [writer, { size, digest }] of state.joined) {
    expect(state, writer, { size, digest, outside: false });
  }
  state.joined.clear();
};

/** At the end: chains that notes name and that are not here, and notes that are not here themselves. */
export const endJoints = (state: State): void => {
  for (const [writer, waiting] of state.expected) {
    for (const [size, expected] of waiting) {
      const outside = expected.some((each) => each.outside);
      const who = outside ? 'a checkpoint held elsewhere' : 'a joint checkpoint';
      const message = `${who} knows ${size} records of a chain not here`;
      report(state, outside ? 'behind' : 'cut', writer, message);
    }
  }
  for (const number of state.jointsOutside.keys()) {
    // Exports of a part hold none.
    if (state.joint === null && !state.indexed) continue;
    const newest = state.joint?.number ?? 0;
    if (number <= newest) continue;
    const at = `joint checkpoint ${number}`;
    const here = newest === 0 ? 'here is none' : `here the newest is ${newest}`;
    report(state, 'behind', at, `it is held elsewhere; ${here}`);
  }
};
