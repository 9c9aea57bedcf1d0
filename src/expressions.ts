/**
 * CEL expressions of the route file, parsed and bounded at load (interface.md §2): conditions of
 * grants, defaults and parameters of normalisers. An expression sees only the variables it was
 * declared with. There are no regular expressions and no loops in loops, so one evaluation costs at
 * most the length of its text times the size of its data. An error at run time is a value that names
 * a place in the text and never a piece of the data; its caller decides that this means no.
 *
 * Numbers of JSON are CEL doubles; `after.x == 1` compares them with an int as CEL says.
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

/** What a call may be given: anything, or only literals (where data would multiply or mislead). */
type CallRule = 'any' | 'literals' | 'zone';

/**
 * The calls that may be written. Absent on purpose: `matches` and `duration` of data (backtracking),
 * `bytes` and `json` (foreign objects), `cel.bind` (doubling), `type`.
 */
const calls: ReadonlyMap<string, CallRule> = new Map<string, CallRule>(
  (
    [
      [
        'any',
        'has size contains startsWith endsWith lowerAscii upperAscii trim indexOf lastIndexOf',
      ],
      [
        'any',
        'substring split string int double bool dyn timestamp all exists exists_one map filter',
      ],
      ['literals', 'join duration'],
      ['zone', 'getFullYear getMonth getDate getDayOfMonth getDayOfWeek'],
      ['zone', 'getHours getMinutes getSeconds'],
    ] as const
  ).flatMap(([rule, names]) => names.split(' ').map((name): [string, CallRule] => [name, rule])),
);

const loops: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in']);
const logical: ReadonlySet<string> = new Set(['&&', '||', '!_']);

/** The library folds all of Unicode in these two, so that U+212A becomes `k`; CEL folds ASCII only. */
const asciiFolds: ReadonlyMap<string, string> = new Map([
  ['lowerAscii', 'foldAsciiDown'],
  ['upperAscii', 'foldAsciiUp'],
]);

type Node = { readonly op: string; readonly args: unknown };
type Scope = Readonly<{ element: string; map: boolean }> | null;

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;

const childrenOf = (value: unknown): readonly Node[] =>
  Array.isArray(value) ? value.flatMap(childrenOf) : isNode(value) ? [value] : [];

/** Name, receiver (null for a global function) and arguments of a call. */
const partsOf = (node: Node): Readonly<{ name: string; on: Node | null; given: readonly Node[] }> =>
  node.op === 'rcall'
    ? (([name, on, given]) => ({ name, on, given }))(node.args as [string, Node, Node[]])
    : (([name, given]) => ({ name, on: null, given }))(node.args as [string, Node[]]);

/** Thrown and caught inside this file alone: the first thing that is wrong with a text. */
const unbounded = (message: string): Error => new Error(message);

/** Walks one syntax tree, collects mentions and refuses what could cost more than text times data. */
const bound = (root: Node, declared: ReadonlySet<string>): ReadonlySet<string> => {
  const mentions = new Set<string>();
  let joins = 0;

  /** Is the value a literal or a part of the loop's own element? All elements together cost one pass. */
  const isSmall = (node: Node, element: string): boolean => {
    if (node.op === 'value' || comparisons.has(node.op) || logical.has(node.op)) return true;
    if (node.op === 'id') return node.args === element;
    if (node.op === '.' || node.op === '[]')
      return isSmall(childrenOf(node.args)[0] as Node, element);
    if (node.op === 'rcall' || node.op === 'call') {
      const { on, given } = partsOf(node);
      return [on ?? given[0]].every((part) => part === undefined || isSmall(part, element));
    }
    return childrenOf(node.args).every((part) => isSmall(part, element));
  };

  const walkLoop = (name: string, on: Node, given: readonly Node[], scope: Scope): void => {
    if (scope !== null) throw unbounded(`${name}() cannot stand inside another loop`);
    walk(on, null);
    const [variable, ...body] = given;
    if (variable?.op !== 'id') throw unbounded(`${name}() starts with a name for the element`);
    const element = variable.args as string;
    if (declared.has(element)) throw unbounded(`${element} already names something else`);
    for (const part of body) walk(part, { element, map: name === 'map' });
  };

  const walkCall = (node: Node, scope: Scope): void => {
    const { name, on, given } = partsOf(node);
    const rule = calls.get(name);
    if (rule === undefined) throw unbounded(`${name}() is not allowed here`);
    if (on !== null && loops.has(name)) {
      walkLoop(name, on, given, scope);
      return;
    }
    if (rule !== 'any' && given.some((part) => part.op !== 'value')) {
      throw unbounded(`${name}() takes only literals here`);
    }
    if (rule === 'zone') for (const part of given) checkZone(part.args);
    if (name === 'join' && ++joins > 1) throw unbounded('join() can stand once');
    const subject = on ?? given[0];
    if (scope !== null && name !== 'has' && subject !== undefined) {
      if (!isSmall(subject, scope.element)) {
        throw unbounded(`inside a loop, ask ${name}() only of ${scope.element}`);
      }
    }
    if (on !== null) walk(on, scope);
    for (const part of given) walk(part, scope);
  };

  const walkOperator = (node: Node, scope: NonNullable<Scope>): void => {
    const [left, right] = childrenOf(node.args);
    if (left === undefined || right === undefined) return;
    const small = [left, right].map((side) => isSmall(side, scope.element));
    const written = [left, right].some((side) => side.op === 'value');
    if (node.op === 'in' && small[1] !== true && right.op !== 'list') {
      throw unbounded('inside a loop, `in` takes a list that is written out');
    }
    if (comparisons.has(node.op) && small[0] !== true && small[1] !== true) {
      throw unbounded(`inside a loop, compare with ${scope.element}`);
    }
    if (node.op === '+' && !written && (scope.map || small.includes(false))) {
      throw unbounded('inside a loop, + takes a literal on one side');
    }
  };

  const walk = (node: Node, scope: Scope): void => {
    if (node.op === 'id') {
      const name = node.args as string;
      if (scope?.element === name) return;
      if (!declared.has(name)) throw unbounded(`${name} is not known here`);
      if (scope?.map === true) throw unbounded(`map() can use ${scope.element} alone`);
      mentions.add(name);
      return;
    }
    if (node.op === 'call' || node.op === 'rcall') {
      walkCall(node, scope);
      return;
    }
    const parts = childrenOf(node.args);
    if (scope !== null) walkOperator(node, scope);
    if (scope?.map === true && (node.op === 'list' || node.op === 'map')) {
      if (parts.some((part) => part.op !== 'value')) {
        throw unbounded('map() cannot build lists or maps');
      }
    }
    for (const part of parts) walk(part, scope);
  };

  walk(root, null);
  return mentions;
};

/** A zone written in the file is checked at load, not at the first call that needs it. */
const checkZone = (zone: unknown): void => {
  try {
    Intl.DateTimeFormat('en', { timeZone: String(zone) });
  } catch {
    throw unbounded('there is no such time zone');
  }
};

const foldAscii = (node: Node): void => {
  if (node.op === 'rcall') {
    const args = node.args as [string, Node, Node[]];
    args[0] = asciiFolds.get(args[0]) ?? args[0];
  }
  for (const part of childrenOf(node.args)) foldAscii(part);
};

const makeEnvironment = (variables: Readonly<Record<string, VariableType>>): Environment => {
  const environment = new Environment({ limits });
  environment.registerFunction(
    'string.foldAsciiDown(): string',
    (text: string) => text.replaceAll(/[A-Z]+/g, (run) => run.toLowerCase()),
    { async: false },
  );
  environment.registerFunction(
    'string.foldAsciiUp(): string',
    (text: string) => text.replaceAll(/[a-z]+/g, (run) => run.toUpperCase()),
    { async: false },
  );
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  return environment;
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
  try {
    const run = makeEnvironment(variables).parse(source);
    const root = run.ast as Node;
    const mentions = bound(root, new Set(Object.keys(variables)));
    foldAscii(root);
    const checked = run.check();
    if (!checked.valid) return { problem: firstLine(checked.error) };
    if (result !== null && checked.type !== result && checked.type !== 'dyn') {
      return { problem: `the expression gives ${checked.type}, not ${result}` };
    }
    return Object.freeze({
      source,
      mentions,
      evaluate: (values: Readonly<Record<string, unknown>>): Evaluated => {
        try {
          const value = run(values) as unknown;
          return result === 'bool' && typeof value !== 'boolean'
            ? { failed: 'the expression gives no bool' }
            : { value };
        } catch (error) {
          return { failed: failure(error, source) };
        }
      },
    });
  } catch (error) {
    return { problem: firstLine(error) };
  }
};

/** The message without the excerpt that follows it. At load it can quote the file alone, no data. */
const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : 'cannot be evaluated')
    .split('\n', 1)[0]
    ?.slice(0, 200) ?? 'cannot be evaluated';

/** What went wrong at run time, in our words: the library's would quote keys and texts of the data. */
const failures: ReadonlyMap<string, string> = new Map([
  ['no_such_key', 'there is no such key'],
  ['index_out_of_bounds', 'the list is shorter'],
  ['index_out_of_range', 'the text is shorter'],
  ['no_such_overload', 'the operands do not fit the operator'],
  ['no_matching_overload', 'the arguments do not fit the call'],
  ['invalid_condition_type', 'the condition is no bool'],
  ['invalid_logical_operand', 'the operand is no bool'],
  ['variable_type_mismatch', 'the variable has another type'],
  ['unknown_variable', 'the variable is not there'],
]);

const failure = (error: unknown, source: string): string => {
  const { code, range } = (error ?? {}) as {
    code?: unknown;
    range?: { start: number; end: number };
  };
  const text = (typeof code === 'string' && failures.get(code)) || 'cannot be evaluated';
  if (range === undefined) return text;
  const place = source.slice(range.start, Math.min(range.end, range.start + 60));
  return place === '' ? text : `${text}: ${place}`;
};
