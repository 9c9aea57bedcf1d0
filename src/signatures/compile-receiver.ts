/**
 * Makes the verifier of a webhook route from its settings and keys: scheme, freshness, id and time,
 * handshake and what is kept, in one place. A route that would not prove anything does not compile;
 * a message that cannot be read is refused, and nothing throws.
 */
import { customSender } from './custom-sender.ts';
import { readNumber, readPlace } from './places.ts';
import type {
  Greeting,
  KeyFetcher,
  KeyMaterial,
  Received,
  Receiver,
  Unverified,
  Verdict,
  Verified,
} from './receiver.ts';
import { keyProblems, settingsProblems, type ReceiverProblem } from './receiver-problems.ts';
import type { CompiledScheme, Proof, Scheme } from './scheme.ts';
import type { HandshakeContext, Place, Sender } from './sender.ts';
import { keySlots, type WebhookSettings } from './settings.ts';
import { schemes, senders } from './table.ts';
import { parseTime } from './times.ts';

type Problems = Readonly<{ problems: readonly ReceiverProblem[] }>;

/** What stands where a static secret stood in a message that is kept; the id of its key follows. */
const keptMark = 'sallyport-key:';

const broken: Unverified = { kind: 'refused', code: 'signature_invalid', reason: 'malformed' };

type Parts = Readonly<{
  sender: Sender;
  scheme: Scheme;
  options: unknown;
  /** What the sender's own settings say, for handshakes. */
  extras: Readonly<Record<string, unknown>>;
  compiled: CompiledScheme;
  keys: readonly KeyMaterial[];
  toleranceMs: number;
}>;

const at = (path: readonly (string | number)[], message: string): Problems => ({
  problems: [{ path, message }],
});

/** What the route says under the sender's own keys. */
const extrasOf = (settings: WebhookSettings, { settings: own }: Sender) =>
  Object.fromEntries(
    Object.keys(own?.shape ?? {})
      .filter((key) => settings[key] !== undefined)
      .map((key) => [key, settings[key]]),
  );

/** Where a scheme's problem stands: at the key that it names, else at the template or the whole. */
const placeOf = (message: string, settings: WebhookSettings): readonly (string | number)[] =>
  keySlots(settings).find(({ id }) => message.startsWith(`${id} `))?.path ??
  (settings.scheme === 'custom' ? ['template'] : []);

const isStep = (step: PropertyKey): step is string | number => typeof step !== 'symbol';

const assemble = (
  settings: WebhookSettings,
  keys: readonly KeyMaterial[],
  fetcher: KeyFetcher,
): Parts | Problems => {
  const custom = settings.scheme === 'custom';
  const sender = custom ? customSender(settings.template ?? {}) : senders[settings.scheme];
  if (sender === undefined) return at(['scheme'], 'no such sender');
  if ('problem' in sender) return at(['template'], sender.problem);
  const scheme = schemes[sender.scheme.name];
  if (scheme === undefined) return at(['scheme'], 'no such scheme');
  const extras = extrasOf(settings, sender);
  // Options of a custom template were parsed with the route file.
  const parsed = custom
    ? { success: true as const, data: sender.scheme.options }
    : scheme.options.safeParse({ ...sender.scheme.options, ...extras });
  const problems = [
    ...keyProblems(settings, keys, scheme),
    ...settingsProblems(settings, sender),
    ...(parsed.error?.issues ?? []).map(({ path, message }) => ({
      path: path.filter(isStep),
      message,
    })),
  ];
  if (problems.length > 0 || !parsed.success) return { problems };
  const toleranceMs = settings.tolerance ?? sender.toleranceMs ?? 0;
  const compiled = scheme.compile(parsed.data, { keys, fetcher, toleranceMs });
  return 'problem' in compiled
    ? at(placeOf(compiled.problem, settings), compiled.problem)
    : { sender, scheme, options: parsed.data, extras, compiled, keys, toleranceMs };
};

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

/** What a proof makes of a message: id, time and freshness. */
const conclude = (
  { sender, toleranceMs }: Pick<Parts, 'sender' | 'toleranceMs'>,
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

type Check = CompiledScheme['check'];
type Conclusion = (received: Received, proof: Proof) => Verdict;

const settle = (
  received: Received,
  proven: Proof | Unverified,
  conclusion: Conclusion,
): Verdict => {
  try {
    return proven.kind === 'proven' ? conclusion(received, proven) : proven;
  } catch {
    return broken;
  }
};

/** Checks and concludes; whatever is thrown is a refusal. */
const judge = (
  check: Check,
  received: Received,
  now: number,
  conclusion: Conclusion,
): Verdict | Promise<Verdict> => {
  try {
    const proven = check(received, now);
    return proven instanceof Promise
      ? proven.then(
          (value) => settle(received, value, conclusion),
          () => broken,
        )
      : settle(received, proven, conclusion);
  } catch {
    return broken;
  }
};

const quietly = (greet: () => Greeting | null): Greeting | null => {
  try {
    return greet();
  } catch {
    return null;
  }
};

/** What a body is, and what CloudEvents say of theirs in headers (binary mode). */
const alwaysKept = [
  'content-type',
  'content-encoding',
  ...['id', 'type', 'source', 'subject', 'time'].map((name) => `ce-${name}`),
];

/** Headers that are kept, beside those that hold secrets. */
const keptNames = ({ sender, compiled }: Parts, received: Received): ReadonlySet<string> => {
  const places = [sender.id?.at, sender.time?.at, sender.sequence, sender.retry];
  return new Set([
    ...alwaysKept,
    ...(compiled.readHeaders?.(received) ?? []),
    ...places.flatMap((at) =>
      at !== undefined && at !== null && 'header' in at ? [at.header] : [],
    ),
    ...(sender.keeps ?? []),
  ]);
};

const keptHeaders = (
  parts: Parts,
  received: Received,
  keyId: string,
): Readonly<Record<string, string>> => {
  const secret = new Set(parts.compiled.secretHeaders);
  const names = new Set([...keptNames(parts, received), ...secret]);
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const name of names) {
    const value = received.headers[name];
    if (value !== undefined) headers[name] = secret.has(name) ? `${keptMark}${keyId}` : value;
  }
  return headers;
};

/** The check of messages whose secrets were replaced: by the ids in their places. */
const checkKept = (parts: Parts, fetcher: KeyFetcher): Check => {
  const { compiled, scheme, options, keys, toleranceMs } = parts;
  const ofMarks =
    compiled.withoutSecret === null
      ? null
      : scheme.compile(options, {
          keys: keys.map((key) => ({ ...key, text: `${keptMark}${key.id}` })),
          fetcher,
          toleranceMs,
        });
  const { check } = ofMarks === null || 'problem' in ofMarks ? compiled : ofMarks;
  const marked = check !== compiled.check;
  const byMark = (proof: Proof | Unverified): Proof | Unverified =>
    marked && proof.kind === 'proven' ? { ...proof, keyId: `kept:${proof.keyId}` } : proof;
  return (received, at) => {
    const mark = compiled.secretHeaders
      .map((name) => received.headers[name] ?? null)
      .find((value) => value?.startsWith(keptMark) === true);
    if (mark === undefined || mark === null) {
      const proven = check(received, at);
      return proven instanceof Promise ? proven.then(byMark) : byMark(proven);
    }
    const id = mark.slice(keptMark.length);
    const known = keys.some((key) => key.id === id && key.notBefore <= at && at < key.until);
    if (!known && scheme.keys !== 'fetched')
      return { kind: 'refused', code: 'signature_invalid', reason: 'not a key of the route' };
    return {
      kind: 'proven',
      keyId: `kept:${id}`,
      signature: null,
      signedId: null,
      signedTime: null,
      contents: null,
    };
  };
};

const receiverOf = (parts: Parts, fetcher: KeyFetcher): Receiver => {
  const { sender, compiled, keys, extras } = parts;
  const { handshake } = sender;
  const contents = new WeakMap<Verified, Buffer>();
  const keptCheck = checkKept(parts, fetcher);
  const { withoutSecret } = compiled;
  /** The key that matched comes first. */
  const contextFor = (keyId: string | null): HandshakeContext => ({
    keys: [...keys.filter(({ id }) => id === keyId), ...keys.filter(({ id }) => id !== keyId)],
    options: extras,
  });
  const concluding =
    (now: number): Conclusion =>
    (received, proof) => {
      const verdict = conclude(parts, { received, proof }, now);
      if (verdict.kind === 'verified' && proof.contents !== null)
        contents.set(verdict, proof.contents);
      return verdict;
    };
  return {
    sender: sender.name,
    methods: [...new Set(['POST', ...(handshake?.methods ?? [])])],
    ackStatus: sender.ack.status,
    ackBody: sender.ack.body,
    greet: (received) => quietly(() => handshake?.greet?.(received, contextFor(null)) ?? null),
    verify: (received, now) => judge(compiled.check, received, now, concluding(now)),
    answer: (received, verified) =>
      quietly(() => handshake?.answer?.(received, verified, contextFor(verified.keyId)) ?? null),
    refusalForm: sender.refusalForm,
    keep: (received, verified) => ({
      headers: keptHeaders(parts, received, verified.keyId),
      body: withoutSecret === null ? received.body : withoutSecret(received.body, verified.keyId),
      contents: contents.get(verified) ?? null,
    }),
    verifyKept: (kept, at) =>
      judge(keptCheck, kept, at, (received, proof) =>
        // Its time went with the secret it stood in; the seal vouches for the message.
        proof.keyId.startsWith('kept:')
          ? conclude({ ...parts, sender: { ...sender, time: null } }, { received, proof }, at)
          : conclude(parts, { received, proof }, at),
      ),
    dedupe: sender.dedupe,
    answersWithinMs: sender.answersWithinMs,
  };
};

/**
 * The verifier of a route, or what keeps it from being one. `keys`: its key slots (settings.ts)
 * resolved, under the same ids. Never throws.
 */
export const compileReceiver = (
  settings: WebhookSettings,
  keys: readonly KeyMaterial[],
  deps: Readonly<{ fetcher: KeyFetcher }>,
): Receiver | Problems => {
  try {
    const parts = assemble(settings, keys, deps.fetcher);
    return 'problems' in parts ? parts : receiverOf(parts, deps.fetcher);
  } catch {
    return at([], 'the settings cannot be made a receiver');
  }
};
