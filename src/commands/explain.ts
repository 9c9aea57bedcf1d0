/**
 * `sallyport explain`: what a call would mean, what would be repaired and normalised, which rule
 * decides, which limits count and what would go to the target. Reads the route file only; secrets
 * are not resolved and nothing is sent.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import { isObject, type Json } from '../identity/json-value.ts';
import { parseJson } from '../identity/json.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { readResource } from '../identity/scim/target-resource.ts';
import { understand } from '../identity/scim/understand.ts';
import { findRoute } from '../http/route-table.ts';
import { preview, type Preview } from '../passage/preview.ts';
import type { Client, Snapshot } from '../snapshot.ts';

export type ExplainOptions = Readonly<{
  client: string;
  method: string;
  /** Path and query, as the client would send them. */
  path: string;
  body: string | null;
  before: string | null;
}>;

/** `text` is for people, `facts` for programs. */
export type Explained = Readonly<{
  allowed: boolean;
  facts: Readonly<Record<string, unknown>>;
  text: string;
}>;

const refusedAs = (refusal: Refusal): Explained => ({
  allowed: false,
  facts: { decision: 'deny', code: refusal.refused, detail: refusal.detail },
  text: `refused: ${refusal.refused}\n  ${refusal.detail}`,
});

const readBefore = (text: string | null, type: ResourceType | null): Resource | null | Refusal => {
  if (text === null || type === null) return null;
  const parsed: Json | Refusal = parseJson(text, { names: 'any' });
  if (isRefusal(parsed)) return parsed;
  return isObject(parsed) ? readResource(parsed, type) : null;
};

const decisionFacts = ({ verdict }: Preview): Readonly<Record<string, unknown>> => {
  if (verdict.kind === 'allow') {
    return {
      decision: 'allow',
      rule: verdict.rule,
      dropped: verdict.drop,
      shadowed: verdict.shadow.map((denial) => denial.rule),
    };
  }
  if (verdict.kind === 'needs-before') {
    return { decision: 'unknown', detail: 'Give the current resource with --before FILE.' };
  }
  const { refusal } = verdict;
  return {
    decision: 'deny',
    code: isRefusal(refusal) ? refusal.refused : refusal.code,
    rule: refusal.rule ?? null,
    detail: refusal.detail,
  };
};

const factsOf = (shown: Preview): Readonly<Record<string, unknown>> => ({
  operation: shown.operation.verb,
  actions: shown.actions,
  resource: {
    type: shown.operation.verb === 'discover' ? null : shown.operation.type.name,
    id: 'id' in shown.operation ? (shown.operation.id ?? null) : null,
  },
  repairs: shown.operation.repairs,
  normalised: shown.normalised,
  ...decisionFacts(shown),
  limits: shown.limits.map(({ policy, count, seconds, burst }) => ({
    policy,
    count,
    seconds,
    burst,
  })),
  unchanged: shown.unchanged,
  calls: shown.calls.map(({ method, path, query, body }) => ({
    method,
    path: query === '' ? path : `${path}?${query}`,
    body: body === null ? null : (JSON.parse(body) as unknown),
  })),
});

const line = (name: string, value: unknown): string => {
  if (Array.isArray(value)) {
    if (value.length === 0) return `${name.padEnd(11)} -`;
    return [
      name,
      ...value.map((each) => `  ${typeof each === 'string' ? each : JSON.stringify(each)}`),
    ].join('\n');
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `${name.padEnd(11)} ${text}`;
};

/** Explains one call of one client. */
export const explain = (snapshot: Snapshot, options: ExplainOptions, now: number): Explained => {
  const [path = '', query = ''] = options.path.split('?', 2);
  const found = findRoute(snapshot, path);
  const client = Object.hasOwn(snapshot.clients, options.client)
    ? (snapshot.clients[options.client] as Client)
    : null;
  if (found === null || client === null) {
    const missing = found === null ? 'no route serves this path' : 'there is no such client';
    return { allowed: false, facts: { decision: 'deny', detail: missing }, text: missing };
  }
  const { route, rest } = found;
  const grants = Object.hasOwn(route.grants, client.name) ? route.grants[client.name] : undefined;
  const publicBase = `${snapshot.server.publicUrl || 'http://localhost'}${route.path}`;
  const operation = understand(
    {
      method: options.method,
      segments: rest,
      query,
      body: options.body,
      ifMatch: null,
      ifNoneMatch: null,
    },
    {
      types: route.types,
      publicBase,
      hints: { client: client.settings.dialect ?? null },
      keepPassword:
        grants?.grants.some((grant) => grant.rules['users']?.actions.has('users:password')) ??
        false,
      me: grants?.me ?? null,
    },
  );
  if (isRefusal(operation)) return refusedAs(operation);
  const type = operation.verb === 'discover' ? null : operation.type;
  const before = readBefore(options.before, type);
  if (isRefusal(before)) return refusedAs(before);
  const actor = { client, grants };
  const shown = preview({ snapshot, route, actor, operation, before, publicBase, now });
  const facts = factsOf(shown);
  return {
    allowed: shown.verdict.kind === 'allow',
    facts,
    text: Object.entries(facts)
      .map(([name, value]) => line(name, value))
      .join('\n'),
  };
};
