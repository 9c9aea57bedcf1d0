/**
 * What may be told of an unknown error: its name, its code and where it happened. Never its message:
 * drivers and parsers quote data in theirs.
 */

/** One error of a chain of causes. */
export type Failure = Readonly<{ name: string; code?: string; stack: readonly string[] }>;

/** Frames kept of one error, and errors kept of one chain. */
const framesMax = 12;
const causesMax = 4;

const namePattern = /^[A-Za-z_$][\w$]{0,59}$/;
const codePattern = /^[\w.-]{1,60}$/;
/** `at f (file:///a.ts:1:2)`, `at async node:net:3:4`: a place, with no room for other text. */
const framePattern =
  /^ {4}at (?:(?:async |new )*[\w$.<>#]{1,120}(?: \[as [\w$.]{1,60}\])? )?\(?(?:file:\/\/|node:|\/)[^\s()]{1,300}:\d+:\d+\)?$/;

const framesOf = (error: Error): readonly string[] => {
  const stack = typeof error.stack === 'string' ? error.stack : '';
  const message = typeof error.message === 'string' ? error.message : '';
  const header = message === '' ? 0 : stack.indexOf(message);
  const text = header < 0 ? '' : stack.slice(header + message.length);
  return text
    .split('\n', 40)
    .filter((line) => framePattern.test(line))
    .slice(0, framesMax)
    .map((line) => line.trim());
};

const describe = (error: unknown): Failure => {
  if (!(error instanceof Error)) return { name: typeof error, stack: [] };
  const { name, code } = error as Error & { code?: unknown };
  const safeName = typeof name === 'string' && namePattern.test(name) ? name : 'Error';
  const safeCode = typeof code === 'string' && codePattern.test(code) ? { code } : {};
  return { name: safeName, ...safeCode, stack: framesOf(error) };
};

/** The error and its causes, outermost first; at most four. Never throws, whatever it is given. */
export const describeFailure = (error: unknown): readonly Failure[] => {
  const chain: Failure[] = [];
  try {
    let current = error;
    while (current !== undefined && current !== null && chain.length < causesMax) {
      chain.push(describe(current));
      current = current instanceof Error ? current.cause : undefined;
    }
  } catch {
    // A getter or proxy that throws: what is known so far is told.
    chain.push({ name: 'unreadable', stack: [] });
  }
  return chain;
};
