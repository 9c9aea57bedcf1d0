/**
 * What a webhook route does with a stored event: the read that enriches it, and its deliveries with
 * their conditions. `order` is judged at receipt, so it sees the event alone; all else is judged when
 * a delivery is tried.
 */
import { GatewayError } from '../errors.ts';
import { compileExpression, type Expression } from '../expressions.ts';
import type { DeliverSettings } from '../deliveries/settings.ts';
import { eventVariableTypes } from '../identity/events/variables.ts';
import { compileSigner } from '../signatures/compile-signer.ts';
import type { Signer } from '../signatures/receiver.ts';
import { senders } from '../signatures/table.ts';
import type { Deliver, Enrichment } from '../snapshot.ts';
import type { ProblemAt } from './compile-routes.ts';
import { compileTemplate } from './compile-template.ts';
import type { Parsed } from './parse-sections.ts';
import { didYouMean, type Path } from './problem.ts';
import type { WebhookRouteSettings } from './schema.ts';
import type { Resolve } from './webhook-keys.ts';

/** What compiling deliveries needs beside their settings. */
export type DeliverContext = Readonly<{
  /** Name of the route. */
  route: string;
  settings: WebhookRouteSettings;
  parsed: Parsed;
  /** Null: secrets were not asked for. */
  resolve: Resolve | null;
  problem: ProblemAt;
  /** A secret that closes the route. */
  unusable(path: Path, reason: string): void;
}>;

/** `enrich:`, or null where there is none or it has a problem. */
export const compileEnrichment = ({
  route,
  settings: { enrich },
  problem,
}: DeliverContext): Enrichment | null => {
  if (enrich === undefined) return null;
  const path = compileTemplate(enrich.get, { event: eventVariableTypes.event });
  if ('problem' in path) {
    problem(['routes', route, 'enrich', 'get'], path.problem);
    return null;
  }
  return Object.freeze({ target: enrich.target, path });
};

/** The expression at its place, or null where it is not written or has a problem. */
export const compileAt = (
  source: string | undefined,
  result: 'bool' | null,
  path: Path,
  problem: ProblemAt,
): Expression | null => {
  if (source === undefined) return null;
  const compiled = compileExpression(source, eventVariableTypes, result);
  if (!('problem' in compiled)) return compiled;
  problem(path, compiled.problem);
  return null;
};

const conditionOf = (given: DeliverSettings, at: Path, context: DeliverContext) => {
  const when = compileAt(given.when, 'bool', [...at, 'when'], context.problem);
  if (when?.mentions.has('enriched') === true && context.settings.enrich === undefined)
    context.problem([...at, 'when'], 'enriched is never there: this route has no enrich');
  return when;
};

const orderOf = (given: DeliverSettings, at: Path, context: DeliverContext) => {
  const order = compileAt(given.order, null, [...at, 'order'], context.problem);
  if (order?.mentions.has('enriched') === true)
    context.problem([...at, 'order'], 'order is fixed at receipt, before anything is enriched');
  return order;
};

/** Stands where the key cannot be had: nothing goes out unsigned by mistake. */
const withoutKey = (scheme: string): Signer => ({
  scheme,
  sign: () => {
    throw new GatewayError('target_unconfigured');
  },
});

type Sign = Exclude<DeliverSettings['sign'], 'none' | undefined>;

/** What is wrong with a scheme whatever its key, told at its place. */
const schemeIsWrong = ({ scheme, template }: Sign, at: Path, problem: ProblemAt): boolean => {
  const custom = scheme === 'custom';
  const known = custom || Object.hasOwn(senders, scheme);
  if (known && custom === (template !== undefined)) return false;
  if (known) problem(at, 'a template belongs to scheme custom, and only to it');
  else
    problem(
      [...at, 'scheme'],
      `there is no such scheme${didYouMean(scheme, Object.keys(senders))}`,
    );
  return true;
};

/** The signer written at its place; null where nothing is signed. A key that cannot be had closes it. */
export const signerOf = (
  sign: DeliverSettings['sign'],
  at: Path,
  { resolve, problem, unusable }: Pick<DeliverContext, 'resolve' | 'problem' | 'unusable'>,
): Signer | null => {
  if (sign === undefined || sign === 'none') return null;
  const closed = withoutKey(sign.scheme);
  if (schemeIsWrong(sign, at, problem) || resolve === null) return closed;
  const path = [...at, 'secret'];
  const secret = resolve(sign.secret);
  if ('failed' in secret) {
    unusable(path, secret.failed);
    return closed;
  }
  const key = { id: 'secret', text: secret.text, notBefore: -Infinity, until: Infinity };
  const signer = compileSigner(sign, key);
  if (!('problem' in signer)) return signer;
  unusable(path, signer.problem);
  return closed;
};

const addressOf = ({ targets }: Parsed, target: string, path: string): string => {
  const base = targets.get(target)?.baseUrl ?? '';
  return URL.canParse(base) ? `${new URL(base).href.replace(/\/+$/, '')}${path}/` : '';
};

/**
 * The SCIM route that serves this address, by the target's name or another name for the same place:
 * what changes things there goes through grants, so nothing is passed on to it.
 */
export const guardedBy = (parsed: Parsed, target: string, path: string): string | null => {
  const address = addressOf(parsed, target, path);
  for (const [name, { scim }] of parsed.routes) {
    const guarded = addressOf(parsed, scim, '');
    if (scim === target || (guarded !== '' && address.startsWith(guarded))) return name;
  }
  return null;
};

/** The deliveries of a route, in the order written. */
export const compileDeliveries = (context: DeliverContext): readonly Deliver[] => {
  const { route, settings, parsed, problem } = context;
  return settings.deliver.map((given, index): Deliver => {
    const at = ['routes', route, 'deliver', index];
    const base = {
      name: given.name,
      lane: `${route}/${given.name}`,
      when: conditionOf(given, at, context),
      order: orderOf(given, at, context),
      attemptsMax: given.attempts,
      concurrent: given.concurrent,
    };
    if (given.plan !== undefined) return Object.freeze({ ...base, kind: 'plan', plan: given.plan });
    const target = given.to ?? '';
    const through = guardedBy(parsed, target, given.path ?? '');
    if (through !== null)
      problem(
        [...at, 'to'],
        `route ${through} serves this address as SCIM: changes to it go through a plan`,
      );
    return Object.freeze({
      ...base,
      kind: 'forward',
      target,
      path: given.path ?? '',
      signer: signerOf(given.sign, [...at, 'sign'], context),
      answers: given.answers ?? false,
    });
  });
};
