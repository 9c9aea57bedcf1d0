/** A mutation on its way, made of nothing but what the parts between decide and send look at. */
import type { Mutation } from '../../src/identity/operation.ts';
import type { Resource } from '../../src/identity/scim/schema-model.ts';
import { rfcKnobs } from '../../src/identity/dialects/knobs.ts';
import { userType } from '../../src/identity/scim/schemas.ts';
import type { HoldId, LedgerId } from '../../src/ids.ts';
import type { Claims, Unclaimed } from '../../src/ledger/claims.ts';
import type { IntentRecord } from '../../src/ledger/record.ts';
import type { Passage, Release } from '../../src/passage/doors.ts';
import type { Prepared } from '../../src/passage/prepare.ts';
import type { Weighing } from '../../src/passage/weigh.ts';

export const entry = 'led_00000000000001' as LedgerId;

type Patch = Extract<Mutation, { verb: 'patch' }>;

export const deactivate: Patch = {
  verb: 'patch',
  type: userType,
  id: 'u1',
  changes: [{ op: 'replace', path: { attribute: 'active' }, value: false }],
  preconditions: {},
  projection: {},
  repairs: [],
};

export const about = { tenant: 't', route: 'r', client: 'c' };

export const releaseOf = (more: Partial<Release> = {}): Release => ({
  hold: 'hld_1' as HoldId,
  version: 2,
  rule: 'guards.leave',
  mutation: Buffer.alloc(32),
  before: null,
  configVersion: 'v1',
  approvals: ['alice'],
  ...more,
});

export type Given = Readonly<{
  passage?: Partial<Passage>;
  before?: Resource | null;
  operation?: Mutation;
  shadowed?: boolean;
  /** What the ledger says to each claim, in order; then it is recorded. */
  refusals?: readonly Unclaimed[];
}>;

/** The walk, and what the ledger was asked to claim. */
export const weighingOf = (given: Given = {}) => {
  const claims: (Claims | null)[] = [];
  const intents: IntentRecord[] = [];
  const refusals = [...(given.refusals ?? [])];
  const { before = { userName: 'ann', active: true }, operation = deactivate } = given;
  const open = async (intent: IntentRecord, claimed: Claims | null) => {
    claims.push(claimed);
    intents.push(intent);
    return (claimed === null ? undefined : refusals.shift()) ?? entry;
  };
  const passage = {
    snapshot: { version: 'v1', holds: { pendingMax: 1, expiresMs: 1_000, notify: [] } },
    route: { name: 'r', approval: null, decisionPoint: null },
    actor: { kind: 'client', client: { name: 'c' } },
    ...given.passage,
  };
  const final = {
    operation,
    effects: [{ action: 'users:deactivate', attributes: [] }],
    before,
    after: before === null ? null : { ...before, active: false },
    changes: operation.verb === 'patch' ? operation.changes : null,
    inverse: null,
    blind: false,
    resource: null,
  } as unknown as Prepared;
  const weighing = {
    walk: {
      deps: {
        ledger: {
          open: (intent: IntentRecord) => open(intent, null),
          openClaiming: (intent: IntentRecord, { claims: asked }: { claims: Claims }) =>
            open(intent, asked),
        },
      },
      journey: { passage, revocation: true, actions: ['users:deactivate'] },
      target: { tenant: 't', knobs: rfcKnobs, safety: null },
    },
    approached: { operation },
    final,
    allowed: { shadowed: given.shadowed === true, urgent: null, shadow: [] },
    unchanged: false,
  } as unknown as Weighing;
  return { weighing, claims, intents };
};
