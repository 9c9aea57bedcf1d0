/**
 * Reads of a target outside any journey: of doubt, and of what must still hold. They go out under the
 * gateway's own name, change nothing and are never repeated for anybody.
 */
import assert from 'node:assert/strict';
import type { Clock } from '../clock.ts';
import type { Answer, Call } from '../identity/call.ts';
import { repairAnswer } from '../identity/scim/repair-answer.ts';
import type { Target } from '../snapshot.ts';
import type { Targets } from '../targets/send.ts';

export type ReadAsideDeps = Readonly<{ targets: Targets; clock: Pick<Clock, 'monotonic'> }>;

/** The target's answer to a read, put right as the passage would; null where there was none. */
export const readAside = async (
  { targets, clock }: ReadAsideDeps,
  target: Target,
  call: Call,
): Promise<Answer | null> => {
  assert(!call.mutation, 'nothing is changed aside');
  const sent = await targets.send(target.name, call, {
    client: 'sallyport',
    baseUrl: target.settings.baseUrl,
    revocation: false,
    headers: {},
    deadline: clock.monotonic() + target.settings.timeout,
    lastCheck: () => null,
    onAttempt: () => {},
  });
  return sent.kind === 'answered' ? repairAnswer(sent.answer, call, target.knobs) : null;
};
