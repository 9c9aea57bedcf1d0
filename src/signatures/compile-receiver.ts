/**
 * Makes the verifier of a webhook route from its settings and keys: scheme, freshness, id and time,
 * handshake and what is kept, in one place. A route that would not prove anything does not compile;
 * a message that cannot be read is refused, and nothing throws.
 */
import { conclude } from './conclude.ts';
import { checkKept, keptHeaders, meaningHeaders } from './kept-message.ts';
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
import { assembleParts, problemAt, type Problems, type ReceiverParts } from './receiver-parts.ts';
import type { CompiledScheme, Proof } from './scheme.ts';
import type { HandshakeContext } from './sender.ts';
import type { WebhookSettings } from './settings.ts';

const broken: Unverified = { kind: 'refused', code: 'signature_invalid', reason: 'malformed' };

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

const receiverOf = (parts: ReceiverParts, fetcher: KeyFetcher): Receiver => {
  const { sender, compiled, keys, extras } = parts;
  const { handshake } = sender;
  const contents = new WeakMap<Verified, Buffer>();
  const keptCheck = checkKept(parts, fetcher);
  const { withoutSecret } = compiled;
  const headersOf = keptHeaders(parts);
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
      headers: headersOf(received, verified.keyId),
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
    meaningHeaders: meaningHeaders(sender),
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
    const parts = assembleParts(settings, keys, deps.fetcher);
    return 'problems' in parts ? parts : receiverOf(parts, deps.fetcher);
  } catch {
    return problemAt([], 'the settings cannot be made a receiver');
  }
};
