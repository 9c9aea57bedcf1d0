/**
 * Walks the script of a mutation: sends its calls in order, and the way back where a later one is
 * refused (script.ts says which). Each call asks the standing once more and, from the second on, takes
 * from the target's write limit: a call that is not admitted in time counts as not sent.
 */
import { refuse, type Refusal } from '../errors.ts';
import type { Answer } from '../identity/call.ts';
import { classify } from '../identity/scim/classify.ts';
import { step, type Ended, type Result, type Script } from '../identity/scim/script.ts';
import { isObject } from '../identity/json-value.ts';
import type { LedgerId } from '../ids.ts';
import type { Target } from '../snapshot.ts';
import type { Sent } from '../targets/send.ts';
import { dispatch, type Purpose } from './dispatch.ts';
import type { PassageDeps } from './exits.ts';
import type { Journey } from './journey.ts';

/** Who walks what. */
export type ScriptWalk = Readonly<{
  deps: PassageDeps;
  journey: Journey;
  target: Target;
  script: Script;
  entry: LedgerId;
}>;

/** What became of the whole. */
export type Walked = Readonly<{
  /** The answer that decides: the last one, or the first that was no success. */
  sent: Sent;
  ended: Ended;
  /** Id of what a create made, where more calls followed it. */
  createdId: string | null;
}>;

/** Of a single call: what its own answer says is what became of the whole. */
const alone: Ended = Object.freeze({ kind: 'failed', made: 0, kept: null });

/** Waits until the target's write limit admits one more call; false = not before the deadline. */
const admitted = async (
  { deps, journey, target }: ScriptWalk,
  deadline: number,
): Promise<boolean> => {
  const { limitWrites } = target;
  if (limitWrites === null) return true;
  for (;;) {
    const now = deps.clock.monotonic();
    const taken = await deps.limiter.take([limitWrites], { revocation: journey.revocation, now });
    if (taken.admitted) return true;
    const waitMs = Math.max(10, 1_000 * taken.retryAfterSeconds);
    if (now + waitMs > deadline) return false;
    await new Promise<void>((resolve) => {
      deps.clock.after(waitMs, resolve);
    });
  }
};

const notAdmitted: Sent = {
  kind: 'not-sent',
  code: 'target_overloaded',
  reason: 'write limit',
  attempts: 0,
};

/** The last answer, with what only an earlier one tells: the id of what was created. */
const wholeAnswer = (sent: Sent, first: Answer | null, createdId: string | null): Sent => {
  if (sent.kind !== 'answered' || first === null || createdId === null) return sent;
  const { body } = sent.answer;
  const told = isObject(body) && Object.keys(body).length > 0;
  // Nothing told: an empty answer to a create is answered with what was sent (present.ts).
  const location = first.headers['location'] ?? `/${encodeURIComponent(createdId)}`;
  const answer: Answer = {
    ...sent.answer,
    status: first.status,
    body: told ? { ...body, id: createdId } : undefined,
    headers: { ...sent.answer.headers, location },
  };
  return { ...sent, answer };
};

/** Sends the calls of a script until it ended, one way or the other. Never throws by itself. */
export const walkScript = async (walk: ScriptWalk): Promise<Walked> => {
  const { deps, journey, target, script, entry } = walk;
  const [only] = script;
  if (only !== undefined && script.length === 1) {
    const sent = await dispatch(deps, journey, target, only.call, 'call', entry);
    return { sent, ended: alone, createdId: null };
  }
  const results: Result[] = [];
  let decisive: Sent = notAdmitted;
  let first: Answer | null = null;
  let settled = false;
  let deadline = deps.clock.monotonic() + target.settings.limits.wait;
  for (;;) {
    const next = step(script, results);
    const createdId = results[0]?.resourceId ?? null;
    if (next.kind === 'ended') {
      const { ended } = next;
      const created = script[0]?.operation.verb === 'create' && script.length > 1;
      const sent =
        ended.kind === 'applied' && created ? wholeAnswer(decisive, first, createdId) : decisive;
      return { sent, ended, createdId: created ? createdId : null };
    }
    const { sendable, taking } = next;
    const purpose: Purpose = taking === 'forward' ? 'call' : 'take-back';
    const free = results.length === 0 || (await admitted(walk, deadline));
    const sent = free
      ? await dispatch(deps, journey, target, sendable.call, purpose, entry)
      : notAdmitted;
    const result = resultOf(sendable.operation, sent);
    if (results.length === 0 && sent.kind === 'answered') first = sent.answer;
    results.push(result);
    if (!settled) decisive = sent;
    if (result.outcome !== 'applied' && !settled) {
      settled = true;
      deadline = deps.clock.monotonic() + target.settings.limits.wait;
    }
  }
};

const resultOf = (operation: Parameters<typeof classify>[0], sent: Sent): Result =>
  sent.kind === 'answered'
    ? classify(operation, sent.answer)
    : { outcome: sent.kind, resourceId: null };

const standing: Readonly<Record<Exclude<Ended['kept'], null>, string>> = {
  revocation: 'What took access away stays so',
  unknown: 'What stood there before is not known, so the rest stays as it is',
  'not-taken-back': 'Taking it back failed',
  'in-doubt': 'It is not known whether the next one was made',
};

/** The honest answer to a mutation of which some parts stand. */
export const partialRefusal = (ended: Ended, parts: number): Refusal =>
  refuse(
    'target_partial',
    `The target takes this change in ${parts} parts, and ${ended.made} of them were made. ${
      standing[ended.kept ?? 'unknown']
    }. Read the resource, then send what is missing.`,
  );

/** Says of a refusal that all is as it was, though parts of the change had been made. */
export const takenBack = (refusal: Refusal, ended: Ended, parts: number): Refusal => ({
  ...refusal,
  detail: `${refusal.detail} The change was sent in ${parts} parts; part ${
    ended.made + 1
  } was not made, and what came before it was taken back.`,
});
