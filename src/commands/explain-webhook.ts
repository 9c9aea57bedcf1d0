/**
 * `sallyport explain POST /hooks/x --body FILE`: what a webhook would be read as, which deliveries it
 * would owe and what its plans would look for. Reads the route file only: nothing is verified, kept,
 * enriched or sent. What the source says of the subject can be given as a file. Pure.
 */
import { createHash } from 'node:crypto';
import { planDeliveries } from '../deliveries/plan-deliveries.ts';
import { stepValues } from '../deliveries/plan-values.ts';
import type { LifecycleEvent } from '../identity/events/event.ts';
import { eventVariables } from '../identity/events/variables.ts';
import type { Json } from '../identity/json-value.ts';
import type { DedupeBy } from '../signatures/receiver.ts';
import type { Confidence } from '../signatures/sender.ts';
import { senders } from '../signatures/table.ts';
import type { Deliver, Plan, Snapshot, WebhookRoute } from '../snapshot.ts';

/** A message as its sender would send it. */
export type AskedWebhook = Readonly<{
  route: WebhookRoute;
  /** What `webhook.scheme` says. */
  scheme: string;
  body: string;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** What the source would answer; undefined = not given, and what depends on it stays open. */
  enriched: Json | undefined;
}>;

/** One step of a plan for one event: `skip` by its condition, `fail` for a value that is not there. */
export type ShownStep = Readonly<{
  name: string;
  route: string;
  do: string;
  state: 'run' | 'skip' | 'fail' | 'open';
  find: Readonly<Record<string, unknown>>;
  set: Readonly<Record<string, unknown>>;
  group: string | null;
  /** Why it would fail. */
  why: string | null;
}>;

/** One entry of `deliver:` for one event. `open`: told when it is tried, from what the source says. */
export type ShownDelivery = Readonly<{
  name: string;
  to: string | null;
  plan: string | null;
  state: 'owed' | 'none' | 'open' | 'fail';
  /** Why, where it would fail. */
  why: string | null;
  steps: readonly ShownStep[];
}>;

type ShownEvent = Readonly<
  Omit<LifecycleEvent, 'effectiveAt' | 'observedAt' | 'raw'> & {
    effectiveAt: string | null;
    observedAt: string | null;
    deliveries: readonly ShownDelivery[];
  }
>;

/** What is told of a webhook: the JSON that `explain --json` prints. */
export type WebhookFacts = Readonly<{
  route: string;
  sender: Readonly<{ scheme: string; title: string; confidence: Confidence | null; note: string }>;
  /** How repeats would be told; null where only the resolved secrets tell. */
  repeats: Readonly<{ by: DedupeBy; windowMs: number }> | null;
  /** GET at the source before a delivery is tried; null = nothing is read. */
  enrich: string | null;
  /** Kind or date wait for what the source says, which was not given. */
  open: boolean;
  /** Why nobody can say what it means; null = it was read. */
  unreadable: string | null;
  items: number;
  /** Items beyond those that become deliveries. */
  beyond: number;
  events: readonly ShownEvent[];
}>;

/** Most events that are shown. */
const shownMax = 20;

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

const fromPairs = (
  pairs: readonly Readonly<{ path: string; value: unknown }>[],
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(pairs.map(({ path, value }) => [path, value]));

type Variables = ReturnType<typeof eventVariables>;
type Step = Plan['steps'][number];

const mentionsEnriched = ({ when, group, find, set }: Step): boolean =>
  [when, group, ...find.map(({ value }) => value), ...set.map(({ value }) => value)].some(
    (expression) => expression?.mentions.has('enriched') === true,
  );

const shownStep = (step: Step, variables: Variables, open: boolean): ShownStep => {
  const { name, route } = step;
  const bare = { name, route, do: step.do, find: {}, set: {}, group: null, why: null };
  if (open && mentionsEnriched(step)) return { ...bare, state: 'open' };
  const values = stepValues(step, variables);
  if ('skipped' in values) return { ...bare, state: 'skip' };
  if ('missing' in values) return { ...bare, state: 'fail', why: values.missing };
  return {
    ...bare,
    state: 'run',
    find: fromPairs(values.find),
    set: fromPairs(values.set),
    group: values.groupName,
  };
};

type Judged = Pick<ShownDelivery, 'state' | 'why'>;

/** What `when` says once everything is known. */
const judge = ({ when }: Deliver, variables: Variables): Judged => {
  if (when === null) return { state: 'owed', why: null };
  const judged = when.evaluate(variables);
  if ('failed' in judged) return { state: 'fail', why: `when: ${judged.failed}` };
  return { state: judged.value === true ? 'owed' : 'none', why: null };
};

type Seen = Readonly<{
  snapshot: Snapshot;
  route: WebhookRoute;
  variables: Variables;
  /** Does anything of it wait for what the source says? */
  open: boolean;
}>;

const shownDelivery = (deliver: Deliver, owed: boolean, seen: Seen): ShownDelivery => {
  const { snapshot, route, variables, open } = seen;
  const plan = deliver.kind === 'plan' ? deliver.plan : null;
  const to = deliver.kind === 'forward' ? `${deliver.target}${deliver.path}` : null;
  const late =
    open &&
    deliver.when !== null &&
    (route.reader.needsEnriched || deliver.when.mentions.has('enriched'));
  const answers = deliver.kind === 'forward' && deliver.answers;
  const none: Judged = { state: 'none', why: null };
  const waits: Judged = { state: 'open', why: null };
  const judged = answers || owed ? (late ? waits : judge(deliver, variables)) : none;
  const steps = plan === null || judged.state === 'none' ? [] : (snapshot.plans[plan]?.steps ?? []);
  return {
    name: deliver.name,
    to,
    plan,
    ...judged,
    steps: steps.map((step) => shownStep(step, variables, open)),
  };
};

const fingerprint = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Explains one message that a sender might send; `now` in wall ms. */
export const explainWebhook = (
  snapshot: Snapshot,
  { route, scheme, body, headers, enriched }: AskedWebhook,
  now: number,
): WebhookFacts => {
  const { reader, deliver, dedupe, enrich } = route;
  const read = reader.read({ text: body, headers, receivedAt: now, messageId: null });
  const planned = planDeliveries({ deliver, reader, read, at: now, fingerprint });
  const owed = new Set(planned.deliveries.map(({ item, name }) => `${item}/${name}`));
  const open = enrich !== null && enriched === undefined;
  const events = 'unreadable' in read ? [] : read.events.slice(0, shownMax);
  const sender = senders[scheme];
  return {
    route: route.name,
    sender: {
      scheme,
      title: sender?.title ?? scheme,
      confidence: sender?.confidence ?? null,
      note: sender?.note ?? '',
    },
    repeats:
      dedupe.by === 'none' && route.receiver === null && sender === undefined ? null : dedupe,
    enrich: enrich === null ? null : `${enrich.target}${enrich.path.source}`,
    open: open && reader.needsEnriched,
    unreadable: 'unreadable' in read ? read.unreadable : null,
    items: planned.items,
    beyond: planned.beyond,
    events: events.map((event, item): ShownEvent => {
      const { raw: _raw, ...known } = open ? event : reader.enrich(event, enriched ?? null, now);
      const variables = eventVariables({ ...known, raw: event.raw }, enriched ?? null);
      const seen = { snapshot, route, variables, open };
      return {
        ...known,
        effectiveAt: iso(known.effectiveAt),
        observedAt: iso(known.observedAt),
        deliveries: deliver.map((each) =>
          shownDelivery(each, owed.has(`${item}/${each.name}`), seen),
        ),
      };
    }),
  };
};
