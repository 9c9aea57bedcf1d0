/**
 * A profile as it is applied to one resource type: a tree by attribute name whose leaves hold the
 * rules, in order, as functions. Made once per snapshot by compile-plan.ts; nothing is looked up by
 * rule name afterwards.
 */
import type { AttributeName } from '../operation.ts';
import type { AttributePath, Path, ResourceType } from '../scim/schema-model.ts';
import type { IdentifierKind } from './identifiers.ts';
import type { Normalise, Otherwise } from './normaliser.ts';
import type { Occasion } from './settings.ts';

/** One rule on one path. */
export type Step = Readonly<{
  rule: string;
  run: Normalise;
  otherwise: Otherwise;
  on: ReadonlySet<Occasion>;
  prefixSafe: boolean;
}>;

/** A simple attribute with rules or an identifier check. */
export type Leaf = Readonly<{
  /** `emails.value` */
  name: AttributeName;
  identifier: IdentifierKind | null;
  required: boolean;
  steps: readonly Step[];
  /** Those of them that apply, by occasion. */
  stepsOn: Readonly<Record<Occasion, readonly Step[]>>;
  /** One of the steps asks for `after`, so the others go first. */
  late: boolean;
}>;

/** Completes a leaf. */
export const makeLeaf = (parts: Omit<Leaf, 'stepsOn'>): Leaf => {
  const on = (occasion: Occasion): readonly Step[] =>
    parts.steps.filter((step) => step.on.has(occasion));
  return {
    ...parts,
    stepsOn: { create: on('create'), replace: on('replace'), patch: on('patch') },
  };
};

export type Branch = ReadonlyMap<string, Node>;
/** Either a leaf or a branch; extensions are branches under their URN. */
export type Node = Readonly<{ leaf: Leaf }> | Readonly<{ branch: Branch }>;

/** A default: where, what, and the rules its result passes. */
export type Fill = Readonly<{ path: AttributePath; name: AttributeName; step: Step; leaf: Leaf }>;

export type Plan = Readonly<{
  type: ResourceType;
  root: Branch;
  fills: readonly Fill[];
  /** Is any leaf late? */
  late: boolean;
}>;

/** The node a path names below a branch, or undefined where no rule stands there. */
export const nodeAt = (branch: Branch, path: Path | AttributePath): Node | undefined => {
  const owner = path.schema === undefined ? undefined : branch.get(path.schema);
  const below =
    path.schema === undefined ? branch : owner && 'branch' in owner ? owner.branch : null;
  const node = below?.get(path.attribute);
  if (node === undefined || path.sub === undefined) return node;
  if ('branch' in node) return node.branch.get(path.sub);
  // Below a simple multi-valued attribute `value` is the element itself (RFC 7643 §2.4).
  return path.sub === 'value' ? node : undefined;
};

/** The leaf a comparison means: of a complex attribute its `value` (RFC 7644 §3.4.2.2). */
export const comparedLeaf = (node: Node | undefined): Leaf | null => {
  if (node === undefined) return null;
  if ('leaf' in node) return node.leaf;
  const value = node.branch.get('value');
  return value !== undefined && 'leaf' in value ? value.leaf : null;
};

/** What stands inside `attribute[…]`: its sub-attributes, or `value` for a simple attribute. */
export const insideOf = (node: Node | undefined): Branch | null => {
  if (node === undefined) return null;
  return 'branch' in node ? node.branch : new Map([['value', node]]);
};
