/** Runs the program in this process: exit code and output, without the cost of a new one. */
import { runProgram } from '../../src/commands/program.ts';
import type { Env, Ran } from './sallyport-process.ts';

/** One command line; paths in it are absolute or relative to where the tests run. */
export const runInProcess = async (args: readonly string[], env: Env = {}): Promise<Ran> => {
  let out = '';
  let err = '';
  const context = {
    env,
    version: '0',
    write: async (text: string) => void (out += text),
    error: (line: string) => void (err += `${line}\n`),
    onSignal: () => undefined,
  };
  const code = await runProgram(context, args);
  return { code, out, err };
};
