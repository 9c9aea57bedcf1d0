/**
 * Webhook routes of a snapshot. A route whose secrets do not resolve is closed alone: it stays in the
 * snapshot with its reason and is answered 503. A verifier without a key is never one that lets
 * everything in.
 */
import { compileReader } from '../identity/events/compile-reader.ts';
import type { EventReader } from '../identity/events/event.ts';
import { compileLimit } from '../policy/compile-grants.ts';
import { compileReceiver } from '../signatures/compile-receiver.ts';
import { effectiveDedupe } from '../signatures/dedupe.ts';
import type { ReceiverProblem } from '../signatures/receiver-problems.ts';
import type { KeyFetcher, Receiver } from '../signatures/receiver.ts';
import { keySlots } from '../signatures/settings.ts';
import { senders } from '../signatures/table.ts';
import type { Json } from '../identity/json-value.ts';
import type { WebhookRoute } from '../snapshot.ts';
import { compileDeliveries, compileEnrichment, type DeliverContext } from './compile-deliver.ts';
import type { ProblemAt } from './compile-routes.ts';
import type { Parsed } from './parse-sections.ts';
import type { Path } from './problem.ts';
import type { WebhookRouteSettings } from './schema.ts';
import { resolveKeys, type Resolve } from './webhook-keys.ts';

/** What compiling webhook routes needs beside their settings. */
export type WebhookContext = Readonly<{
  parsed: Parsed;
  /** Null: secrets were not asked for; every route with secrets stays closed. */
  resolve: Resolve | null;
  fetcher: KeyFetcher;
  /** Largest body, bytes. */
  bodyBytesMax: number;
  problem: ProblemAt;
  /** A secret that cannot be used; it closes its route. */
  unusable(path: Path, reason: string): void;
}>;

/** Reason given while secrets were not asked for. */
const notResolved = 'its secrets were not resolved';

type Verifier = Pick<WebhookRoute, 'receiver' | 'unconfigured'>;

type Problems = Readonly<{ problems: readonly ReceiverProblem[] }>;

const isProblem = (made: Receiver | Problems): made is Problems => 'problems' in made;

/**
 * Compiled twice where there are keys: what is wrong without them is wrong with the settings, and only
 * what the keys add to that closes the route.
 */
const verifierOf = (
  { webhook, ...rest }: WebhookRouteSettings,
  at: Path,
  context: WebhookContext,
): Verifier => {
  const { fetcher, resolve } = context;
  const slots = keySlots(webhook);
  const bare = compileReceiver(webhook, [], { fetcher });
  const told = new Set<string>();
  for (const { path, message } of isProblem(bare) ? bare.problems : []) {
    // With keys written but not read yet, that there are none says nothing.
    if (slots.length > 0 && path.length === 0) continue;
    told.add(message);
    context.problem([...at, 'webhook', ...path], message);
  }
  if (slots.length === 0)
    return isProblem(bare)
      ? { receiver: null, unconfigured: 'it has no key' }
      : { receiver: bare, unconfigured: null };
  if (resolve === null) return { receiver: null, unconfigured: notResolved };
  let reason: string | null = null;
  const close = (path: Path, why: string): void => {
    reason ??= why;
    context.unusable([...at, 'webhook', ...path], why);
  };
  const keys = resolveKeys({ webhook, ...rest }, resolve, close);
  if (keys === null) return { receiver: null, unconfigured: reason };
  const made = compileReceiver(webhook, keys, { fetcher });
  if (!isProblem(made)) return { receiver: made, unconfigured: null };
  for (const { path, message } of made.problems) {
    // What a scheme says of a key begins with its id.
    const slot = path.length > 0 ? null : slots.find(({ id }) => message.startsWith(`${id} `));
    if (!told.has(message)) close(slot?.path ?? path, message);
  }
  return { receiver: null, unconfigured: reason ?? 'its settings have a problem' };
};

/** Reads nothing; stands where the settings of the real one have a problem. */
const noReader = (source: string): EventReader => ({
  source,
  read: () => ({ unreadable: 'not configured' }),
  enrich: (event) => event,
  needsEnriched: false,
});

const readerOf = (settings: WebhookRouteSettings, at: Path, problem: ProblemAt): EventReader => {
  const { webhook, event, enrich } = settings;
  const reader = compileReader({ sender: webhook.scheme, event: event ?? null });
  if ('problems' in reader) {
    for (const { path, message } of reader.problems) problem([...at, 'event', ...path], message);
    return noReader(webhook.scheme);
  }
  if (event !== undefined && reader.needsEnriched && enrich === undefined)
    problem([...at, 'event'], 'enriched is never there: this route has no enrich');
  return reader;
};

const checkAnswers = (
  settings: WebhookRouteSettings,
  at: Path,
  waits: boolean,
  problem: ProblemAt,
): void => {
  if (settings.webhook.answer !== undefined && !waits)
    problem([...at, 'webhook', 'answer'], 'this sender does not wait for an answer');
  let first = true;
  for (const [index, { answers }] of settings.deliver.entries()) {
    if (answers !== true) continue;
    const place = [...at, 'deliver', index, 'answers'];
    if (!waits) problem(place, 'this sender does not wait for an answer');
    else if (!first) problem(place, 'one delivery of a route can answer');
    first = false;
  }
};

const compileOne = (
  name: string,
  settings: WebhookRouteSettings,
  context: WebhookContext,
): WebhookRoute => {
  const at = ['routes', name];
  const { parsed, resolve, problem } = context;
  const verifier = verifierOf(settings, at, context);
  let unsigned: string | null = null;
  const deliveries: DeliverContext = {
    route: name,
    settings,
    parsed,
    resolve,
    problem,
    unusable: (path, reason) => {
      unsigned ??= reason;
      context.unusable(path, reason);
    },
  };
  const deliver = compileDeliveries(deliveries);
  const sender = senders[settings.webhook.scheme];
  const { receiver } = verifier;
  const waitsMs = sender?.answersWithinMs ?? null;
  checkAnswers(settings, at, waitsMs !== null, problem);
  const { rate, maxBody, answer, silentAfter } = settings.webhook;
  if (maxBody !== undefined && (maxBody < 1_024 || maxBody > 64 * 1_048_576))
    problem([...at, 'webhook', 'maxBody'], 'write 1KiB to 64MiB');
  const closed = verifier.unconfigured ?? unsigned;
  return Object.freeze({
    name,
    path: settings.path,
    segments: settings.path.slice(1).split('/'),
    receiver: closed === null ? receiver : null,
    unconfigured: closed,
    bodyBytesMax: maxBody ?? context.bodyBytesMax,
    limit: rate === undefined ? null : compileLimit(rate, `route:${name}:webhooks`, 'webhooks'),
    dedupe: effectiveDedupe(
      settings.webhook,
      receiver?.dedupe ?? sender?.dedupe ?? { by: 'none', windowMs: 0 },
    ),
    reader: readerOf(settings, at, problem),
    enrich: compileEnrichment(deliveries),
    deliver,
    answer:
      waitsMs === null
        ? null
        : {
            withinMs: answer?.within ?? waitsMs,
            otherwise: (answer?.otherwise ?? {}) as Json,
          },
    silentAfterMs: silentAfter ?? null,
    trace: settings.trace,
  });
};

/** Every webhook route that parsed, longest path first. */
export const compileWebhooks = (context: WebhookContext): readonly WebhookRoute[] =>
  [...context.parsed.webhooks]
    .map(([name, settings]) => compileOne(name, settings, context))
    .sort((a, b) => b.segments.length - a.segments.length || (a.path < b.path ? -1 : 1));
