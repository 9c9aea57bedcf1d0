/**
 * What an admin operation is: a name, an input, a role and a function over the house's use cases.
 * HTTP, OpenAPI, the console and the command line iterate the table; none of them knows an
 * operation by name.
 */
import { z } from 'zod';
import type { KeyDeps } from '../callers/keys.ts';
import type { Role } from '../callers/settings.ts';
import type { Clock, ClockWatch } from '../clock.ts';
import { refuse, type Refusal } from '../errors.ts';
import type { EventStore } from '../deliveries/event-store.ts';
import type { KeptEvent } from '../deliveries/kept-event.ts';
import type { OutboxStore } from '../deliveries/outbox-store.ts';
import type { HoldsDesk } from '../holds/holds-desk.ts';
import type { DriftActs } from '../drift/drift-acts.ts';
import type { EventId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ActRecord } from '../ledger/record.ts';
import type { Verified } from '../ledger/verify.ts';
import type { Reports } from '../reports/make-reports.ts';
import type { Sealed } from '../sealing.ts';
import type { SafetyDesk } from '../safety/make-safety.ts';
import type { Snapshot } from '../snapshot.ts';
import type { FreezesStanding } from '../targets/standing.ts';
import type { Undo } from '../undo/make-undo.ts';

/** Who acts: a person known by a token, or whoever may open the store's files. */
export type Person = Readonly<{ name: string; roles: ReadonlySet<Role> }>;

/** Who acts on the store's files: they hold every role already. Told by identity, not by name. */
export const localPerson: Person = Object.freeze({ name: 'local', roles: new Set<Role>() });

/** What the effective configuration is, and what waits. */
export type ConfigStatus = Readonly<{
  version: string;
  /** Problems of the last load that was refused, as printed by `check`; empty where all is well. */
  problems: readonly string[];
  /** A loaded change that widens something and waits for a person, or null. */
  waiting: Readonly<{ version: string; widens: readonly string[] }> | null;
  /** True if the last good copy serves because the file at start was bad. */
  lastGood: boolean;
}>;

/** Everything an operation may use. */
export type AdminContext = Readonly<{
  clock: Clock;
  watch: ClockWatch;
  snapshot(): Snapshot;
  ledger: Ledger;
  keys: KeyDeps;
  freezes: FreezesStanding;
  /** Protected subjects, and who may break the glass. */
  safety: SafetyDesk;
  verifyLedger(since: string | null): Promise<Verified>;
  exportLedger(
    query: Readonly<{ format: string; since?: number; until?: number }>,
  ): AsyncIterable<string>;
  /** Webhooks that are kept, and what they owe. */
  deliveries: Readonly<{
    events: EventStore;
    outbox: OutboxStore;
    /** What an event holds inside its seal; null where no key of the ring fits. */
    open(id: EventId, sealed: Sealed): KeptEvent | null;
    /** Something may be due sooner than the outbox believes. */
    wake(): void;
  }>;
  /** Takes entries back through the doors; null where no gateway runs. */
  undo: Undo | null;
  /** Changes that wait for people. */
  holds: HoldsDesk;
  /** Resources that are looked at again, and what people do where they drifted. */
  drift: DriftActs;
  reports: Reports;
  /** Accepts, and records, what the store lost; false where nothing is missing. */
  acceptLoss(by: string, reason: string): Promise<boolean>;
  /** What the store lacks, or null. */
  loss(): string | null;
  config: Readonly<{
    status(): ConfigStatus;
    /** Applies what waits; null if nothing (or something else) waits. */
    apply(version: string | null, by: string): Promise<string | null>;
  }>;
}>;

/** Answers: one JSON value, or lines of text (exports; YAML where it says so). */
export type AdminResult =
  | Readonly<{ json: unknown }>
  | Readonly<{ lines: AsyncIterable<string>; yaml?: true }>;

export type AdminOperation<Input = never> = Readonly<{
  /** `keys.issue`; also the name of the act in the ledger. */
  name: string;
  title: string;
  /** Method and path below `/api/v1`; `{id}` is taken from the path. */
  method: 'GET' | 'POST';
  path: string;
  role: Role;
  /** Reads evidence only: may be asked while records are missing, and is recorded once that is possible. */
  evidence?: true;
  /** May be asked while the clock is not trusted: what it takes to trust it again. */
  withoutClock?: true;
  /** Strict schema of the input: query parameters of a GET, body of a POST, and path parameters. */
  input: z.ZodType<Input>;
  /** Facts for the ledger's act; never a secret. Null: the operation is not recorded (reads of no evidence). */
  act(
    input: Input,
    context: Pick<AdminContext, 'snapshot' | 'freezes'>,
  ): ActRecord['details'] | null;
  run(context: AdminContext, person: Person, input: Input): Promise<AdminResult | Refusal>;
}>;

const said = { error: 'say why, in 3 to 500 characters' };

/** Why a person does what others must be able to understand later. */
export const reasonText = z.string(said).min(3, said).max(500, said);

/** Makes an entry of the table; erases the input type, which `input` guards at run time. */
export const operation = <Input>(entry: AdminOperation<Input>): AdminOperation =>
  Object.freeze(entry) as unknown as AdminOperation;

/** May this person run it? */
const mayRun = (person: Person, { role }: Pick<AdminOperation, 'role'>): boolean =>
  person === localPerson || person.roles.has('admin') || person.roles.has(role);

/** What is wrong with the input; of what is not there, that it is not. */
const saidOf = ({ path, message }: z.core.$ZodIssue, input: unknown): string => {
  const [name, ...deeper] = path;
  const given = typeof input === 'object' && input !== null ? input : {};
  const isMissing = typeof name === 'string' && deeper.length === 0 && !Object.hasOwn(given, name);
  return isMissing && message.startsWith('Invalid') ? 'it is needed, and is missing' : message;
};

/**
 * Runs an operation as a person: role, input, the recorded act (before the operation takes effect),
 * then the operation. Unknown input is refused with the place of the mistake.
 */
export const perform = async (
  entry: AdminOperation,
  context: AdminContext,
  person: Person,
  input: unknown,
): Promise<AdminResult | Refusal> => {
  if (!mayRun(person, entry)) {
    return refuse('action_denied', `This needs the role ${entry.role}.`, { rule: entry.name });
  }
  const parsed = entry.input.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join('.') ?? '';
    return refuse(
      'value_invalid',
      `${where === '' ? 'The input' : where}: ${issue === undefined ? '' : saidOf(issue, input)}`,
    );
  }
  const facts = entry.act(parsed.data, context);
  if (facts !== null) {
    const at = context.clock.now();
    const act = { kind: 'act', at, actor: person.name, act: entry.name, details: facts } as const;
    const loss = context.loss();
    // Whoever is to accept a loss must be able to see it.
    if (loss !== null && entry.evidence === true) context.ledger.noteRead(act);
    else if (loss !== null) {
      return refuse(
        'ledger_unavailable',
        `Records are missing: ${loss}. Nothing is recorded before \`store accept-loss\`.`,
      );
    } else await context.ledger.act(act);
  }
  return entry.run(context, person, parsed.data);
};
