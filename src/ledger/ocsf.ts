/**
 * The ledger in OCSF 1.8.0 (schema.ocsf.io): Account Change 3001, Group Management 3006 and, where
 * neither has an activity (an update, say), Entity Management 3004. Personal data stays out: users
 * and groups appear by their id at the target.
 */
import type { LedgerId } from '../ids.ts';
import { decisionOf } from './batch.ts';
import type { ChainedIntent, ChainedRecord } from './canonical.ts';
import type { ActRecord, DenialRecord, EntryOutcome, OutcomeRecord } from './record.ts';
import type { EntryIndex } from './store.ts';

type Activity = Readonly<{ class: 3001 | 3004 | 3006; id: number; name: string }>;

const classNames: Readonly<Record<Activity['class'], string>> = {
  3001: 'Account Change',
  3004: 'Entity Management',
  3006: 'Group Management',
};

/** Actions that OCSF has a word for; a Map, since action names come from outside. */
const activities: ReadonlyMap<string, Activity> = new Map<string, Activity>([
  ['users:create', { class: 3001, id: 1, name: 'Create' }],
  ['users:activate', { class: 3001, id: 2, name: 'Enable' }],
  ['users:password', { class: 3001, id: 3, name: 'Password Change' }],
  ['users:deactivate', { class: 3001, id: 5, name: 'Disable' }],
  ['users:delete', { class: 3001, id: 6, name: 'Delete' }],
  ['groups:add-member', { class: 3006, id: 3, name: 'Add User' }],
  ['groups:remove-member', { class: 3006, id: 4, name: 'Remove User' }],
  ['groups:delete', { class: 3006, id: 5, name: 'Delete' }],
  ['groups:create', { class: 3006, id: 6, name: 'Create' }],
]);

/** Entity Management activities by verb, for every other resource and verb. */
const entityActivities: ReadonlyMap<string, Activity> = new Map<string, Activity>([
  ['create', { class: 3004, id: 1, name: 'Create' }],
  ['read', { class: 3004, id: 2, name: 'Read' }],
  ['search', { class: 3004, id: 2, name: 'Read' }],
  ['delete', { class: 3004, id: 4, name: 'Delete' }],
  ['activate', { class: 3004, id: 8, name: 'Enable' }],
  ['deactivate', { class: 3004, id: 9, name: 'Disable' }],
]);
const entityUpdate: Activity = { class: 3004, id: 3, name: 'Update' };

const activityOf = (action: string): Activity =>
  activities.get(action) ?? entityActivities.get(action.split(':')[1] ?? '') ?? entityUpdate;

/** One event per entry carries its weightiest action: what OCSF names comes before an update. */
const mainAction = (actions: readonly string[]): string =>
  actions.find((action) => activities.has(action)) ?? actions[0] ?? '';

/** The newest outcome; `resourceId` where the mutation made the resource. */
type Latest = Pick<OutcomeRecord, 'outcome' | 'settledBy' | 'status' | 'resourceId'>;

type Status = Readonly<{ id: number; name: string }>;
const statuses: Readonly<Record<EntryOutcome, Status>> = {
  applied: { id: 1, name: 'Success' },
  rejected: { id: 2, name: 'Failure' },
  'not-sent': { id: 2, name: 'Failure' },
  'in-doubt': { id: 0, name: 'Unknown' },
};
const unknown: Status = { id: 0, name: 'Unknown' };
const failure: Status = { id: 2, name: 'Failure' };
const held: Status = { id: 99, name: 'Held' };

const base = (
  activity: Activity,
  at: number,
  uid: string,
  status: Status,
  more: Readonly<{ severity: 1 | 2 | 3; traceId?: string; environment?: string }>,
) => ({
  activity_id: activity.id,
  activity_name: activity.name,
  category_uid: 3,
  category_name: 'Identity & Access Management',
  class_uid: activity.class,
  class_name: classNames[activity.class],
  type_uid: activity.class * 100 + activity.id,
  type_name: `${classNames[activity.class]}: ${activity.name}`,
  time: at,
  severity_id: more.severity,
  severity: ['', 'Informational', 'Low', 'Medium'][more.severity],
  status_id: status.id,
  status: status.name,
  metadata: {
    version: '1.8.0',
    uid,
    product: { name: 'Sallyport', vendor_name: 'Sallyport' },
    ...(more.traceId === undefined ? {} : { correlation_uid: more.traceId, profiles: ['trace'] }),
    ...(more.environment === undefined ? {} : { tenant_uid: more.environment }),
  },
  ...(more.traceId === undefined ? {} : { trace: { uid: more.traceId } }),
});

/** The object each class requires; OCSF writes "Unknown" where there is no id. */
const subjectOf = (activity: Activity, type: string, id: string | null) => {
  const named = id === null ? { name: 'Unknown' } : { uid: id };
  if (activity.class === 3001) return { user: named };
  if (activity.class === 3006) return { group: named };
  return { entity: { type, ...named } };
};

const statusOf = (decision: EntryIndex['decision'], latest: Latest | null): Status => {
  if (decision !== 'allow') return decision === 'hold' ? held : failure;
  return latest === null ? unknown : statuses[latest.outcome];
};

/** Doubt weighs more than a denial, and so does an override: both want a person to look. */
const severityOf = (record: ChainedIntent | DenialRecord, latest: Latest | null): 1 | 2 | 3 => {
  if (record.kind === 'denial') return 2;
  return latest?.outcome === 'in-doubt' || record.override !== undefined ? 3 : 1;
};

const entryEvent = (id: LedgerId, record: ChainedIntent | DenialRecord, latest: Latest | null) => {
  const activity = activityOf(mainAction(record.actions));
  const denied = record.kind === 'denial';
  const decision = decisionOf(record);
  const { route, target, tenant, operation, actions, rule, configVersion, requestId } = record;
  return {
    ...base(activity, record.at, id, statusOf(decision, latest), {
      severity: severityOf(record, latest),
      traceId: record.traceId,
      ...(denied ? {} : { environment: record.environment }),
    }),
    ...(denied ? { status_code: record.code } : {}),
    ...(typeof latest?.status === 'number' ? { status_code: String(latest.status) } : {}),
    ...(denied ? { count: record.count } : { src_endpoint: { ip: record.remote } }),
    actor: {
      app_name: record.client,
      ...(denied || record.keyId === null ? {} : { app_uid: record.keyId }),
    },
    ...subjectOf(activity, record.resource.type, record.resource.id ?? latest?.resourceId ?? null),
    unmapped: {
      route,
      target,
      tenant,
      operation,
      actions,
      decision,
      rule,
      outcome: latest?.outcome ?? null,
      settledBy: latest?.settledBy ?? null,
      configVersion,
      requestId,
      // JSON has no undefined: what an entry lacks is not there.
      hold: record.hold,
      ...(denied ? {} : { override: record.override, reverses: record.reverses }),
    },
  };
};

const actEvent = (id: LedgerId, record: ActRecord) => {
  const activity: Activity = { class: 3004, id: 99, name: record.act };
  return {
    ...base(activity, record.at, id, statuses.applied, { severity: 1 }),
    actor: { user: { name: record.actor } },
    entity: { type: 'gateway', name: record.act },
    unmapped: record.details,
  };
};

/** The event of a record, or null for an outcome: it is told with its entry. */
export const ocsfEvent = (
  id: LedgerId,
  record: ChainedRecord,
  latest: Latest | null,
): object | null => {
  if (record.kind === 'outcome') return null;
  return record.kind === 'act' ? actEvent(id, record) : entryEvent(id, record, latest);
};
