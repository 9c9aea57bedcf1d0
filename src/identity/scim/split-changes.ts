/**
 * Cuts a list of changes into runs that each fit one PATCH of a target: operations, members and bytes
 * (T1, T15, T22). Order is kept; an addition of many elements is cut between elements, since adding
 * them one after the other is the same (RFC 7644 §3.5.2.1). Pure.
 */
import { refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { Knobs } from '../dialects/knobs.ts';
import { isArray } from '../json-value.ts';
import type { Json } from '../json-value.ts';
import type { Change, ResourceType } from './schema-model.ts';
import { lookUp } from './schemas.ts';
import { elementsNamed, isMembers, topOf } from './write-knobs.ts';

export type CallLimits = Pick<Knobs, 'operationsPerPatch' | 'membersPerCall' | 'bodyMax'>;

/** What one call may still take. */
type Room = { operations: number; members: number; bytes: number };
type Need = Readonly<Room>;

const encoder = new TextEncoder();

/** UTF-8 bytes of a text. */
export const bytesOf = (text: string): number => encoder.encode(text).length;

/** Bytes around the operations of a PatchOp, and the comma after each. */
const envelopeBytes = bytesOf(
  '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[]}',
);

const fits = (room: Room, need: Need): boolean =>
  need.operations <= room.operations && need.members <= room.members && need.bytes <= room.bytes;

const take = (room: Room, need: Need): void => {
  room.operations -= need.operations;
  room.members -= need.members;
  room.bytes -= need.bytes;
};

type Cutting = {
  readonly limits: CallLimits;
  readonly type: ResourceType;
  readonly sizeOf: (change: Change) => number;
  readonly runs: Change[][];
  run: Change[];
  room: Room;
};

const wholeRoom = ({ operationsPerPatch, membersPerCall, bodyMax }: CallLimits): Room => ({
  operations: operationsPerPatch,
  members: membersPerCall,
  bytes: bodyMax - envelopeBytes,
});

const close = (cutting: Cutting): void => {
  if (cutting.run.length > 0) cutting.runs.push(cutting.run);
  cutting.run = [];
  cutting.room = wholeRoom(cutting.limits);
};

const tooLarge = (bodyMax: number): Refusal =>
  refuse(
    'body_too_large',
    `The target takes at most ${bodyMax} bytes in one call, and one value alone is larger.`,
  );

const putWhole = (cutting: Cutting, change: Change): Refusal | null => {
  const members = isMembers(cutting.type, change.path) ? (elementsNamed(change) ?? 1) : 0;
  const need = { operations: 1, members, bytes: cutting.sizeOf(change) + 1 };
  if (!fits(cutting.room, need)) close(cutting);
  if (!fits(cutting.room, need)) return tooLarge(cutting.limits.bodyMax);
  take(cutting.room, need);
  cutting.run.push(change);
  return null;
};

type Addition = Extract<Change, { op: 'add' | 'replace' }>;

const putElements = (
  cutting: Cutting,
  change: Addition,
  elements: readonly Json[],
): Refusal | null => {
  const counted = isMembers(cutting.type, change.path) ? 1 : 0;
  const header = cutting.sizeOf({ ...change, value: [] }) + 1;
  let open: Json[] = [];
  const flush = (): void => {
    if (open.length > 0) cutting.run.push({ ...change, value: open });
    open = [];
  };
  for (const element of elements) {
    const bytes = cutting.sizeOf({ ...change, value: [element] }) + 1 - header + 1;
    const further = { operations: 0, members: counted, bytes };
    const opening = { operations: 1, members: counted, bytes: bytes + header };
    if (open.length === 0 || !fits(cutting.room, further)) {
      flush();
      if (!fits(cutting.room, opening)) close(cutting);
      if (!fits(cutting.room, opening)) return tooLarge(cutting.limits.bodyMax);
      take(cutting.room, opening);
    } else take(cutting.room, further);
    open.push(element);
  }
  flush();
  return null;
};

/**
 * The runs, in order; none is empty. `sizeOf` tells the bytes of a printed operation (0 where nobody
 * counts). `body_too_large` where one element alone does not fit.
 */
export const splitChanges = (
  changes: readonly Change[],
  type: ResourceType,
  limits: CallLimits,
  sizeOf: (change: Change) => number,
): readonly (readonly Change[])[] | Refusal => {
  const cutting: Cutting = { limits, type, sizeOf, runs: [], run: [], room: wholeRoom(limits) };
  for (const change of changes) {
    const { path } = change;
    const cuttable =
      change.op === 'add' &&
      path.filter === undefined &&
      path.sub === undefined &&
      isArray(change.value) &&
      change.value.length > 1 &&
      lookUp(type, topOf(path))?.multiValued === true;
    const refusal =
      cuttable && isArray(change.value)
        ? putElements(cutting, change, change.value)
        : putWhole(cutting, change);
    if (refusal !== null) return refusal;
  }
  close(cutting);
  return cutting.runs;
};
