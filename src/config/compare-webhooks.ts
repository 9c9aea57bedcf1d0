/**
 * What a new snapshot lets in or sends out by webhooks that the old one did not. Conservative, as all
 * of widening.ts: whatever cannot be proven narrower or equal is told.
 */
import type { PlanSettings } from '../deliveries/settings.ts';
import { keySlots } from '../signatures/settings.ts';
import type { Snapshot, WebhookRoute } from '../snapshot.ts';
import { widerLimit } from './compare-rules.ts';
import { canonical } from './digest.ts';
import type { Parsed } from './parse-sections.ts';
import type { WebhookRouteSettings } from './schema.ts';

type Side = Readonly<{ snapshot: Snapshot; parsed: Parsed }>;
type Webhook = Readonly<{ compiled: WebhookRoute; written: WebhookRouteSettings }>;

const webhooksOf = ({ snapshot, parsed }: Side): ReadonlyMap<string, Webhook> => {
  const out = new Map<string, Webhook>();
  for (const compiled of snapshot.webhooks) {
    const written = parsed.webhooks.get(compiled.name);
    if (written !== undefined) out.set(compiled.path, { compiled, written });
  }
  return out;
};

const day = (at: number): string => new Date(at - 1).toISOString().slice(0, 10);

/** Keys that verify now and did not, or that do so for longer. Told by their id, never by what they are. */
const widerKeys = (old: WebhookRouteSettings, next: WebhookRouteSettings): string[] => {
  const known = new Map(keySlots(old.webhook).map((slot) => [canonical(slot.value), slot]));
  return keySlots(next.webhook).flatMap(({ id, value, notBefore, until }) => {
    const before = known.get(canonical(value));
    if (before === undefined) return [`webhooks signed with a further key (${id})`];
    if (until > before.until)
      return [
        `webhooks signed with ${id} ${Number.isFinite(until) ? `until ${day(until)}` : 'without end'}`,
      ];
    return notBefore < before.notBefore ? [`webhooks signed with ${id} sooner`] : [];
  });
};

/** From the strictest: what counts as a repeat under one, does so under those before it or not at all. */
const widerDedupe = (old: WebhookRoute['dedupe'], next: WebhookRoute['dedupe']): string[] => {
  if (old.by !== next.by) return [`repeats told by ${next.by}`];
  return next.by !== 'none' && next.windowMs < old.windowMs
    ? [`repeats told for ${next.windowMs / 1_000}s`]
    : [];
};

/** Keys of `webhook:` that are compared one by one, or that let nothing in. */
const compared = ['secrets', 'keys', 'tolerance', 'dedupe', 'rate', 'maxBody', 'silentAfter'];

const restOf = ({ webhook }: WebhookRouteSettings): string =>
  canonical(Object.fromEntries(Object.entries(webhook).filter(([key]) => !compared.includes(key))));

const widerReceiver = (old: Webhook, next: Webhook): string[] => {
  const out = widerKeys(old.written, next.written);
  if (restOf(old.written) !== restOf(next.written)) out.push('how webhooks are verified changed');
  const before = old.written.webhook.tolerance;
  const after = next.written.webhook.tolerance;
  // Unwritten is the sender's own, which is not compared: a change to or from it is told.
  if (before !== after && (before === undefined || after === undefined || after > before))
    out.push(
      `signed times ${after === undefined ? 'as the sender has it' : `${after / 1_000}s`} off`,
    );
  out.push(...widerDedupe(old.compiled.dedupe, next.compiled.dedupe));
  if (old.compiled.bodyBytesMax < next.compiled.bodyBytesMax)
    out.push(`webhooks of ${next.compiled.bodyBytesMax} bytes`);
  out.push(...widerLimit(old.compiled.limit, next.compiled.limit, 'webhooks'));
  return out;
};

type Written = WebhookRouteSettings['deliver'][number];

const leadsTo = ({ to, plan, path }: Written): string =>
  plan === undefined ? `delivers to ${String(to)}${path ?? ''}` : `runs plan ${plan}`;

/** What of a delivery may change without anything going where it did not go. */
const shapeOf = ({
  attempts: _attempts,
  concurrent: _concurrent,
  order: _order,
  when: _when,
  ...shape
}: Written): string => canonical(shape);

const widerDelivery = (old: Written | undefined, next: Written): string[] => {
  if (old === undefined || shapeOf(old) !== shapeOf(next)) return [leadsTo(next)];
  if (old.when === undefined || old.when === next.when) return [];
  return [`${leadsTo(next)}: condition ${next.when === undefined ? 'removed' : 'changed'}`];
};

const widerUses = (old: WebhookRouteSettings | null, next: WebhookRouteSettings): string[] => {
  const out: string[] = [];
  const { enrich } = next;
  if (enrich !== undefined && canonical(old?.enrich) !== canonical(enrich))
    out.push(`reads ${enrich.get} at ${enrich.target}`);
  if (old !== null && canonical(old.event) !== canonical(next.event))
    out.push('what its events mean changed');
  const known = new Map(old?.deliver.map((each) => [each.name, each]));
  for (const each of next.deliver) out.push(...widerDelivery(known.get(each.name), each));
  return out;
};

/** Targets that a webhook route sends to or reads from. */
const targetsOfWebhook = ({ deliver, enrich }: WebhookRoute): ReadonlySet<string> =>
  new Set([
    ...deliver.flatMap((each) => (each.kind === 'forward' ? [each.target] : [])),
    ...(enrich === null ? [] : [enrich.target]),
  ]);

const widerPlan = (old: PlanSettings, next: PlanSettings): string[] => {
  const out: string[] = [];
  if (old.as !== next.as) out.push(`acts as ${next.as}`);
  const known = new Map(old.steps.map((step) => [step.name, step]));
  for (const step of next.steps)
    if (canonical(known.get(step.name)) !== canonical(step))
      out.push(`step ${step.name}: ${step.do} ${step.type} through ${step.route}`);
  const order = (steps: PlanSettings['steps'], among: PlanSettings['steps']): string =>
    steps
      .filter(({ name }) => among.some((each) => each.name === name))
      .map(({ name }) => name)
      .join();
  if (order(old.steps, next.steps) !== order(next.steps, old.steps))
    out.push('its steps have another order');
  return out;
};

/** Newly allowed things by route, or by plan (route null). `widerTarget` compares one target. */
export const widerWebhooks = (
  old: Side,
  next: Side,
  widerTarget: (name: string) => readonly string[],
): readonly Readonly<{ route: string | null; what: string }>[] => {
  const out: { route: string | null; what: string }[] = [];
  const before = webhooksOf(old);
  for (const [path, route] of webhooksOf(next)) {
    const known = before.get(path);
    const whats =
      known === undefined
        ? [
            `webhooks of ${route.written.webhook.scheme} at ${path}`,
            ...widerUses(null, route.written),
          ]
        : [...widerReceiver(known, route), ...widerUses(known.written, route.written)];
    if (known !== undefined)
      for (const name of targetsOfWebhook(route.compiled))
        if (targetsOfWebhook(known.compiled).has(name)) whats.push(...widerTarget(name));
    for (const what of whats) out.push({ route: route.compiled.name, what });
  }
  for (const [name, plan] of next.parsed.plans) {
    const known = old.parsed.plans.get(name);
    for (const what of known === undefined ? [] : widerPlan(known, plan))
      out.push({ route: null, what: `plan ${name}: ${what}` });
  }
  return out;
};
