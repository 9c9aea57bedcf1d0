/**
 * What a target's answer says went wrong, in our words: redirects, refused credentials, limits,
 * errors, and failures that are no SCIM at all. Only a target that speaks for itself is quoted, and
 * a 404 is passed on only where its body proves it (C34: clients delete and re-create on a 404).
 */
import { refuse } from '../../errors.ts';
import type { Refusal, ScimType } from '../../errors.ts';
import type { Answer } from '../call.ts';
import { isObject } from '../json-value.ts';
import type { ResourceType } from './schema-model.ts';
import { readsAll, seesAll } from './sight.ts';
import type { Sight } from './sight.ts';
import { isErrorMessage, provesAbsence } from './target-resource.ts';

/** RFC 7644 §3.12 and RFC 9865 §2.1. */
const scimTypes: ReadonlySet<string> = new Set<ScimType | `${string}Cursor` | 'invalidCount'>([
  'invalidFilter',
  'tooMany',
  'uniqueness',
  'mutability',
  'invalidSyntax',
  'invalidPath',
  'noTarget',
  'invalidValue',
  'invalidVers',
  'sensitive',
  'invalidCursor',
  'expiredCursor',
  'invalidCount',
]);

/** Longest quotation of a target's message, characters. */
const quoteLengthMax = 300;

/** Longest Retry-After passed on, seconds: a day. */
const retryAfterMax = 86_400;

const secrets =
  /\b(?:bearer|basic)\s+[\w.~+/=-]{4,}|\b(?:api[-_]?key|access[-_]?token|token|secret|password|passwd|authorization)\b\s*[=:]\s*\S+|\beyJ[\w-]{5,}\.[\w.-]+|\b(?=[\w+/=-]*[0-9])(?=[\w+/=-]*[A-Za-z])[\w+/=-]{32,}/gi;
/** What a message may repeat of a resource: quoted text, addresses, numbers. */
const repeatedValues =
  /"[^"]*"|'[^']*'|`[^`]*`|[^\s<>(),;:]+@[^\s<>(),;]+|\+?[0-9][0-9 .()/-]{3,}[0-9]/g;

/** One line, no control, format or bidi characters. */
const oneLine = (text: string): string =>
  text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim();

const messageMembers = ['detail', 'message', 'error_description', 'title', 'error'] as const;

const messageOf = ({ body, readable, excerpt }: Answer): string => {
  if (!readable) return '';
  if (!isObject(body)) return typeof body === 'string' ? body : '';
  for (const name of messageMembers) {
    const text = Object.hasOwn(body, name) ? body[name] : undefined;
    if (typeof text === 'string' && text.trim() !== '') return text;
  }
  return isErrorMessage(body) ? '' : excerpt;
};

/**
 * A target's message fit to be quoted: one line, secrets masked, at most 300 characters; with
 * `values: 'masked'` also whatever could repeat a value.
 */
const quoteTarget = (answer: Answer, values: 'kept' | 'masked'): string => {
  const text = oneLine(messageOf(answer).slice(0, 4 * quoteLengthMax)).replaceAll(secrets, '[…]');
  const masked = values === 'kept' ? text : text.replaceAll(repeatedValues, '[…]');
  return masked.length > quoteLengthMax ? `${masked.slice(0, quoteLengthMax - 1)}…` : masked;
};

/**
 * Seconds of a Retry-After header, in seconds or as an HTTP date (RFC 9110 §10.2.3) at wall time
 * `now` (ms); undefined where there is none that makes sense; at most a day.
 */
const retryAfterSeconds = (header: string | undefined, now: number): number | undefined => {
  const text = header?.trim() ?? '';
  if (/^[0-9]{1,9}$/.test(text)) return Math.min(Number(text), retryAfterMax);
  const at = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) return undefined;
  return Math.min(Math.max(Math.ceil((at - now) / 1_000), 0), retryAfterMax);
};

/** What reading a failure needs to know. */
export type FailureView = Sight &
  Readonly<{
    type: ResourceType | null;
    /** Wall time, ms since the epoch. */
    now: number;
    /** The target answers 404 for deactivated users too (T13). */
    inactiveAbsent?: boolean;
  }>;

/**
 * What is said of a refusal. A target may repeat any value in its own words, so its words are not
 * passed on to a caller whose read list hides some; they go to the log, values masked.
 */
const wordsOf = (
  answer: Answer,
  view: FailureView,
): Readonly<{ detail: string; internal?: string }> => {
  const { type } = view;
  const all = type === null || seesAll(type, view);
  const quote = quoteTarget(answer, all ? 'kept' : 'masked');
  if (quote === '') return { detail: 'The target refused the call and gave no reason.' };
  const says = `The target says: ${quote}`;
  if (all || readsAll(type, (name) => view.mayRead(name))) return { detail: says };
  return {
    detail:
      'The target refused the call. Its reason is not shown, as it may hold what this client may not read.',
    internal: says,
  };
};

const inactiveNote =
  ' This target answers so for deactivated users too: set active to true to bring one back.';

const refusedByTarget = (answer: Answer, view: FailureView): Refusal => {
  const { body } = answer;
  const stated = isObject(body) && Object.hasOwn(body, 'scimType') ? body['scimType'] : undefined;
  const { detail, ...more } = wordsOf(answer, view);
  const unsure =
    answer.status === 404 && view.inactiveAbsent === true && view.type?.word === 'users';
  return refuse('target_refused', unsure ? detail + inactiveNote : detail, {
    ...more,
    status: answer.status,
    ...(typeof stated === 'string' && scimTypes.has(stated) ? { scimType: stated } : {}),
  });
};

const unreadable = (detail: string, answer: Answer, retryAfter?: number): Refusal =>
  refuse('target_unreachable', detail, {
    internal: `target status ${answer.status}, body ${answer.readable ? 'readable' : 'no JSON'}`,
    ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }),
  });

/** An answer whose success cannot be read. */
export const unreadableAnswer = (answer: Answer): Refusal =>
  unreadable("The target's answer is not the SCIM that this call needs.", answer);

/**
 * The refusal an answer without success amounts to; null for 2xx. For a mutation it does not say
 * whether the change was made: that is `classify` (classify.ts).
 */
export const failureOf = (answer: Answer, view: FailureView): Refusal | null => {
  const { status } = answer;
  if (status >= 200 && status <= 299) return null;
  const retryAfter = retryAfterSeconds(answer.headers['retry-after'], view.now);
  if (status >= 300 && status <= 399) {
    return unreadable(
      "The target answered with a redirect, which is never followed; the gateway's owner must enter the target's final address.",
      answer,
    );
  }
  if (status === 401 || status === 403) {
    return refuse(
      'target_credential_refused',
      "The target refused the gateway's credential; yours is fine. Ask the gateway's owner.",
      { internal: `target status ${status}` },
    );
  }
  if (status === 429) {
    return refuse(
      'target_rate_limited',
      'The target asks for fewer calls; send it again later.',
      retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter },
    );
  }
  if (status === 408) {
    return refuse('target_timeout', 'The target gave up waiting for the call.');
  }
  if (status === 501) return refuse('not_supported', 'The target does not serve this call.');
  if (status === 404 && !provesAbsence(answer)) {
    return unreadable(
      'Something before the target answered 404; this does not mean that the resource is gone.',
      answer,
    );
  }
  if (status >= 400 && status <= 499) return refusedByTarget(answer, view);
  return unreadable('The target failed on this call; send it again later.', answer, retryAfter);
};
