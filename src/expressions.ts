/**
 * CEL expressions of the route file, parsed and bounded at load (interface.md §2): conditions of
 * grants, defaults and parameters of normalisers. An expression sees only the variables it was
 * declared with; there are no regular expressions, so no input makes it slow; an error in it at run
 * time is a value, and its caller decides that this means no.
 */
import { Environment } from '@marcbachmann/cel-js';

/** Result of one evaluation. `failed` names the problem without any value of the data. */
export type Evaluated = Readonly<{ value: unknown }> | Readonly<{ failed: string }>;

/** A compiled expression. */
export type Expression = Readonly<{
  source: string;
  /** Names of declared variables that the text mentions. */
  mentions: ReadonlySet<string>;
  evaluate(variables: Readonly<Record<string, unknown>>): Evaluated;
}>;

/** CEL types a variable may be declared with. */
export type VariableType = 'map' | 'list' | 'string' | 'google.protobuf.Timestamp' | 'dyn';

/** Longest source text, characters. */
export const expressionLengthMax = 2_000;

const limits = {
  maxAstNodes: 400,
  maxDepth: 32,
  maxListElements: 200,
  maxMapEntries: 50,
  maxCallArguments: 8,
};

/** Calls that could make the cost of one evaluation depend on more than the text's length. */
const forbiddenCalls: ReadonlySet<string> = new Set(['matches']);

type Walked = { mentions: Set<string>; forbidden: string | null };

const walk = (node: unknown, declared: ReadonlySet<string>, found: Walked): void => {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, declared, found);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const { op, args } = node as { op?: unknown; args?: unknown };
  if (op === 'id' && typeof args === 'string' && declared.has(args)) found.mentions.add(args);
  if ((op === 'rcall' || op === 'call') && Array.isArray(args) && typeof args[0] === 'string') {
    if (forbiddenCalls.has(args[0])) found.forbidden = args[0];
  }
  walk(args, declared, found);
};

/**
 * Compiles `source`; `result` is the CEL type the text must have (`bool` for conditions), or null for
 * any. Returns the expression, or what is wrong with it in words fit for `sallyport check`.
 */
export const compileExpression = (
  source: string,
  variables: Readonly<Record<string, VariableType>>,
  result: 'bool' | null,
): Expression | Readonly<{ problem: string }> => {
  if (source.length > expressionLengthMax) {
    return { problem: `an expression has at most ${expressionLengthMax} characters` };
  }
  const environment = new Environment({ limits });
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  try {
    const run = environment.parse(source);
    const checked = run.check();
    if (!checked.valid) return { problem: firstLine(checked.error) };
    if (result !== null && checked.type !== result && checked.type !== 'dyn') {
      return { problem: `the expression gives ${checked.type}, not ${result}` };
    }
    const found: Walked = { mentions: new Set(), forbidden: null };
    walk(run.ast, new Set(Object.keys(variables)), found);
    if (found.forbidden !== null) return { problem: `${found.forbidden}() is not allowed here` };
    return Object.freeze({
      source,
      mentions: found.mentions,
      evaluate: (values: Readonly<Record<string, unknown>>): Evaluated => {
        try {
          return { value: run(values) as unknown };
        } catch (error) {
          return { failed: firstLine(error) };
        }
      },
    });
  } catch (error) {
    return { problem: firstLine(error) };
  }
};

/** The message without the source excerpt that follows it; messages name keys, never values. */
const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : 'cannot be evaluated').split('\n', 1)[0] as string;
