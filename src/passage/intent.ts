/** Builds what the ledger records of a mutation, before it goes out. Pure. */
import type { Call } from '../identity/call.ts';
import { isMutation, type Operation } from '../identity/operation.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import type { Script } from '../identity/scim/script.ts';
import type { DenialRecord, IntentBody, IntentRecord, RecordedCall } from '../ledger/record.ts';
import type { Passage } from './doors.ts';
import { idOf, typeNameOf, type Journey } from './journey.ts';

/** The one value that is never stored, in whatever shape the operation holds it. */
const secretAttribute = 'password';

const withoutSecret = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || !(secretAttribute in value)) return value;
  return { ...value, [secretAttribute]: null };
};

/** What the operation writes, with secrets replaced by null: canonical changes or the resource. */
const writtenBy = (operation: Operation): unknown => {
  if (operation.verb === 'create' || operation.verb === 'replace') {
    return withoutSecret(operation.resource);
  }
  if (operation.verb !== 'patch') return null;
  return operation.changes.map((change) =>
    change.path.attribute === secretAttribute && change.op !== 'remove'
      ? { ...change, value: null }
      : change,
  );
};

const holdsSecret = (journey: Journey): boolean =>
  journey.actions.some((action) => action.endsWith(':password')) ||
  (journey.operation.verb === 'create' && secretAttribute in journey.operation.resource);

/** What people call the subject: userName, displayName or externalId, wherever it stands. */
const subjectOf = (
  operation: Operation,
  before: Resource | null,
  after: Resource | null,
): string | null => {
  for (const resource of [after, before]) {
    for (const name of ['userName', 'displayName', 'externalId']) {
      const value = resource?.[name];
      if (typeof value === 'string' && value !== '') return value;
    }
  }
  return idOf(operation);
};

export type IntentFacts = Readonly<{
  at: number;
  /** In order; the first is the mutation's `call`. */
  script: Script;
  before: Resource | null;
  after: Resource | null;
  /** Keep `before` in the record (`before: capture`). */
  keepBefore: boolean;
  expected: unknown;
  shadowed: readonly string[];
  /** Break-glass overrides that let it hit a protected subject. */
  overrides: readonly string[];
}>;

const recordedCall = ({ method, path, query, body }: Call, secret: boolean): RecordedCall => ({
  method,
  path,
  query,
  body: secret ? null : body,
});

const bodyOf = (journey: Journey, { script, ...facts }: IntentFacts): IntentBody => {
  const secret = holdsSecret(journey);
  const [first] = script;
  const none = { method: '', path: '', query: '', body: null };
  return {
    call: first === undefined ? none : recordedCall(first.call, secret),
    ...(script.length < 2
      ? {}
      : {
          calls: script.map(({ call, inverse }) => ({
            ...recordedCall(call, secret),
            inverse: inverse.map((back) => recordedCall(back.call, secret)),
          })),
        }),
    changes: writtenBy(journey.operation),
    before: facts.keepBefore ? facts.before : null,
    expected: facts.expected,
    subject: subjectOf(journey.operation, facts.before, facts.after),
    ...(journey.repeat === null ? {} : { repeat: journey.repeat }),
  };
};

/** What an intent and a denial say alike. */
const common = (journey: Journey) => {
  const { passage } = journey;
  return {
    client: passage.actor.client.name,
    route: passage.route.name,
    target: passage.route.target,
    tenant: passage.snapshot.targets[passage.route.target]?.tenant ?? '',
    operation: passage.operation.verb,
    actions: journey.actions,
    resource: { type: typeNameOf(passage.operation) ?? '', id: idOf(passage.operation) },
    traceId: passage.origin.traceId,
    requestId: passage.origin.requestId,
    callerRequestId: passage.origin.callerRequestId,
    configVersion: passage.snapshot.version,
  };
};

export const intentOf = (journey: Journey, facts: IntentFacts): IntentRecord => {
  const { passage } = journey;
  const { release, undo } = passage;
  const related = release !== undefined || undo !== undefined || facts.overrides.length > 0;
  return {
    kind: 'intent',
    at: facts.at,
    ...common(journey),
    keyId: passage.actor.keyId,
    decision: 'allow',
    rule: journey.rule ?? '',
    remote: passage.origin.remote,
    environment: passage.snapshot.environment,
    normalised: journey.normalised,
    repairs: [...new Set(journey.operation.repairs.map((repair) => repair.row))],
    shadowed: facts.shadowed,
    ...(related ? relatedTo(passage, facts.overrides) : nothing),
    body: bodyOf(journey, facts),
  };
};

const nothing: object = Object.freeze({});

/** The hold it was released from, overrides that let it pass, entries that it takes back. */
const relatedTo = (
  { release, undo }: Passage,
  overrides: readonly string[],
): Pick<IntentRecord, 'hold' | 'override' | 'reverses'> => ({
  ...(release === undefined ? {} : { hold: { id: release.hold, approvals: release.approvals } }),
  ...(overrides.length === 0 ? {} : { override: overrides.join(' + ') }),
  ...(undo === undefined ? {} : { reverses: undo.reverses }),
});

/** The record of a refusal of an authenticated caller, or null for reads that were not denied by policy. */
export const denialOf = (
  journey: Journey,
  refusal: Readonly<{ code: string; rule: string; hold?: string }>,
  at: number,
): DenialRecord | null =>
  isMutation(journey.passage.operation) || journey.decision === 'deny'
    ? { kind: 'denial', at, ...common(journey), ...refusal, count: 1 }
    : null;
