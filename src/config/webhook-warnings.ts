/**
 * What deserves a look in webhook routes and plans: senders nobody confirmed, keys that end, events
 * that go nowhere, steps that would be denied, plans that nobody runs.
 */
import { effectiveDedupe } from '../signatures/dedupe.ts';
import { keySlots } from '../signatures/settings.ts';
import { senders } from '../signatures/table.ts';
import type { Parsed } from './parse-sections.ts';
import type { Path } from './problem.ts';
import type { WebhookRouteSettings } from './schema.ts';

/** Tells a warning at the value, or at the key of an entry. */
export type WarnAt = (path: Path, message: string, atKey?: boolean) => void;
/** Tells a warning where an end (ms) has come or comes soon. */
export type WarnEnd = (end: number | undefined, path: Path, what: string) => void;

type Context = Readonly<{ parsed: Parsed; warnAt: WarnAt; warnEnd: WarnEnd }>;

const warnSender = (name: string, { webhook }: WebhookRouteSettings, { warnAt }: Context): void => {
  const sender = senders[webhook.scheme];
  if (sender?.confidence !== 'unverified') return;
  warnAt(
    ['routes', name, 'webhook', 'scheme'],
    `unverified: nobody has confirmed how ${sender.title} signs; try it before you rely on it`,
  );
};

/** Repeats that a route tells less well than its sender needs: replays that would come in. */
const warnRepeats = (
  name: string,
  { webhook }: WebhookRouteSettings,
  { warnAt }: Context,
): void => {
  const sender = senders[webhook.scheme];
  if (sender === undefined || webhook.dedupe === undefined) return;
  const at = ['routes', name, 'webhook', 'dedupe'];
  const { by, windowMs } = effectiveDedupe(webhook, sender.dedupe);
  if (by === 'id' && sender.dedupe.by === 'signature' && sender.id !== null)
    warnAt(
      [...at, 'by'],
      `${sender.title} does not sign its id: whoever has a message can send it again under another`,
    );
  const toleranceMs = webhook.tolerance ?? sender.toleranceMs;
  // A time may lie ahead as far as behind: so long is a message fresh.
  if (by !== 'none' && toleranceMs !== null && windowMs < 2 * toleranceMs)
    warnAt(
      [...at, 'window'],
      'shorter than twice the tolerance: a fresh message can come in twice',
    );
};

const isParted = (options: unknown): options is Readonly<{ parts: unknown }> =>
  typeof options === 'object' && options !== null && 'parts' in options;

/** Does it sign the address it calls? */
const signsAddress = ({ scheme, template }: WebhookRouteSettings['webhook']): boolean => {
  const sender = senders[scheme];
  const signing: Readonly<Record<string, unknown>> =
    sender === undefined ? { ...template } : { [sender.scheme.name]: sender.scheme.options };
  if (signing['http-signature'] !== undefined) return true;
  return Object.values(signing).some((options) => {
    const parts = isParted(options) ? options.parts : [];
    return Array.isArray(parts) && parts.includes('url');
  });
};

/** An address that strangers have a say in: our own as they call it. */
const warnAddresses = (
  name: string,
  { webhook }: WebhookRouteSettings,
  { parsed: { server }, warnAt }: Context,
): void => {
  if (server?.publicUrl === undefined && signsAddress(webhook))
    warnAt(
      ['routes', name, 'webhook', 'scheme'],
      'this sender signs the address it calls: without server.publicUrl that is what the Host header says',
    );
};

const warnKeys = (name: string, { webhook }: WebhookRouteSettings, context: Context): void => {
  for (const { path, until } of keySlots(webhook))
    if (Number.isFinite(until))
      context.warnEnd(until, ['routes', name, 'webhook', ...path, 'until'], 'this key');
};

/** Plans that read `enriched`, by name. */
const readsEnriched = ({ plans }: Parsed): ReadonlySet<string> => {
  const mentions = (source: string | undefined): boolean => /\benriched\b/.test(source ?? '');
  const out = new Set<string>();
  for (const [name, { steps }] of plans) {
    const sources = steps.flatMap(({ find = {}, set = {}, group, when }) => [
      ...Object.values(find),
      ...Object.values(set),
      group,
      when,
    ]);
    if (sources.some(mentions)) out.add(name);
  }
  return out;
};

const warnDeliveries = (
  name: string,
  { deliver, enrich }: WebhookRouteSettings,
  enriched: ReadonlySet<string>,
  { warnAt }: Context,
): void => {
  if (deliver.length === 0)
    warnAt(['routes', name], 'what comes in is kept and goes nowhere: there is no deliver', true);
  for (const [index, { plan }] of deliver.entries()) {
    if (plan === undefined || enrich !== undefined || !enriched.has(plan)) continue;
    const message = 'this plan reads enriched, which this route does not have (no enrich)';
    warnAt(['routes', name, 'deliver', index, 'plan'], message);
  }
};

const warnSteps = ({ parsed, warnAt }: Context): void => {
  for (const [name, plan] of parsed.plans) {
    for (const [index, step] of plan.steps.entries()) {
      const route = parsed.routes.get(step.route);
      if (route === undefined || route.grants.some(({ client }) => client === plan.as)) continue;
      const message = `client ${plan.as} has no grant on this route: the step would be denied`;
      warnAt(['plans', name, 'steps', index, 'route'], message);
    }
  }
};

const warnInternal = ({ parsed, warnAt }: Context): void => {
  const acting = new Set([...parsed.plans.values()].map((plan) => plan.as));
  for (const [name, { auth }] of parsed.clients)
    if (auth.includes('internal') && !acting.has(name))
      warnAt(['clients', name], 'this client is internal, and no plan acts as it', true);
};

/** Warnings of all webhook routes and plans that parsed. */
export const findWebhookWarnings = (context: Context): void => {
  const enriched = readsEnriched(context.parsed);
  for (const [name, route] of context.parsed.webhooks) {
    warnSender(name, route, context);
    warnRepeats(name, route, context);
    warnAddresses(name, route, context);
    warnKeys(name, route, context);
    warnDeliveries(name, route, enriched, context);
  }
  warnSteps(context);
  warnInternal(context);
};
