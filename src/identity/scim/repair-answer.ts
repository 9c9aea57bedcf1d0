/**
 * Answers whose status means something else at one target, put right before anybody reads them: an
 * unknown id answered with 400 (T16). Only where the message itself says so; a 404 makes clients
 * delete what they hold (C34). Pure.
 */
import type { Knobs } from '../dialects/knobs.ts';
import type { Answer, Call } from '../call.ts';
import { isObject } from '../json-value.ts';

/** Texts by which servers say that an id is not there, and nothing else. */
const saysAbsent =
  /\b(?:does not exist|not found|could not be found|doesn't exist|no such (?:user|group|resource))\b/i;

const detailOf = ({ body }: Answer): string => {
  if (!isObject(body)) return '';
  for (const name of ['detail', 'message']) {
    const text = Object.hasOwn(body, name) ? body[name] : undefined;
    if (typeof text === 'string') return text.slice(0, 1_000);
  }
  return '';
};

/** The answer as the rest of the house may read it; the same object where nothing is to repair. */
export const repairAnswer = (answer: Answer, call: Call, knobs: Knobs): Answer => {
  if (knobs.absentStatus === '404' || answer.status !== 400 || !answer.readable) return answer;
  const addressed = call.template.endsWith('/{id}');
  // A change may be refused because something else that it names is not there.
  if (!addressed || (call.method !== 'GET' && call.method !== 'DELETE')) return answer;
  return saysAbsent.test(detailOf(answer)) ? { ...answer, status: 404 } : answer;
};
