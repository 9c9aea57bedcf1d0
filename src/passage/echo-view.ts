/**
 * Lays echoes over the view of one answer: a client sees its own value again as long as the target
 * holds our normalised form of it (C14). Only where the route has a profile; before-images, judging
 * and the ledger never see them.
 */
import type { Answer } from '../identity/call.ts';
import type { Mutation } from '../identity/operation.ts';
import { echoed, nextEchoes, type Echo } from '../identity/scim/echo.ts';
import type { PresentView } from '../identity/scim/present.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { readRawList } from '../identity/scim/target-resource.ts';
import { isObject } from '../identity/json-value.ts';
import type { Target } from '../snapshot.ts';
import type { EchoScope } from './echoes.ts';
import type { PassageDeps } from './exits.ts';
import type { Journey } from './journey.ts';

type Seen = Readonly<{ deps: Pick<PassageDeps, 'echoes'>; journey: Journey; target: Target }>;

const scopeOf = ({ journey, target }: Seen, { word }: ResourceType): EchoScope => ({
  client: journey.passage.actor.client.name,
  tenant: target.tenant,
  word,
});

/** Ids of the resources an answer shows: one, or those of a list. */
const idsOf = ({ body }: Answer): readonly string[] => {
  const shown = readRawList(body)?.raw ?? (isObject(body) ? [body] : []);
  return shown.map(({ id }) => id).filter((id) => typeof id === 'string');
};

/** The view under which `present` shows an answer of the target to this client. */
export const echoRead = async (
  seen: Seen,
  view: PresentView,
  type: ResourceType,
  answer: Answer,
): Promise<PresentView> => {
  if (seen.journey.passage.route.profile === null || seen.deps.echoes.isEmpty()) return view;
  const ids = idsOf(answer);
  if (ids.length === 0) return view;
  const known = await seen.deps.echoes.recall(scopeOf(seen, type), ids);
  if (known.size === 0) return view;
  const echo = (resource: Resource): Resource => {
    const id = resource['id'];
    const echoes = typeof id === 'string' ? known.get(id) : undefined;
    return echoes === undefined ? resource : echoed(resource, echoes);
  };
  return { ...view, echo };
};

const isAlike = (one: readonly Echo[], other: readonly Echo[]): boolean =>
  one.length === other.length && JSON.stringify(one) === JSON.stringify(other);

/**
 * The view under which the answer to a mutation is shown, with what it writes itself. `held`: the
 * operation after the profile; `after`: the resource it leaves, or null. Once the mutation stands,
 * `journey.keepEchoes` remembers it.
 */
export const echoWrite = async (
  seen: Seen & Readonly<{ operation: Mutation }>,
  view: PresentView,
  { held, after }: Readonly<{ held: Mutation; after: Resource | null }>,
): Promise<PresentView> => {
  const { deps, journey } = seen;
  const { route, operation: sent } = journey.passage;
  if (route.profile === null) return view;
  const own = held.verb === 'create' ? null : held.id;
  // Nothing was known of it, and what was sent is what is held.
  if (own === null && journey.normalised.length === 0) return view;
  const scope = scopeOf(seen, held.type);
  const recalled = own === null ? null : await deps.echoes.recall(scope, [own]);
  const known = (own === null ? undefined : recalled?.get(own)) ?? [];
  const next = nextEchoes(known, sent, held, after);
  journey.keepEchoes = (resourceId) => {
    const id = own ?? resourceId;
    if (id !== null && !isAlike(known, next)) deps.echoes.learn(scope, id, next);
  };
  if (next.length === 0) return view;
  return { ...view, echo: (resource) => echoed(resource, next) };
};
