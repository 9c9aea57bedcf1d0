/**
 * The sandbox as a process of its own: SCIMMY keeps its resources globally, and a target is another
 * process in real life. Runs only as a child of spawn-sandbox.ts; ends when its parent is gone.
 */
import { startSandbox, type Sandbox } from './sandbox.ts';
import type { Ask, Told } from './spawn-sandbox.ts';

let sandbox: Sandbox | null = null;

const answer = async (ask: Ask): Promise<Told['value']> => {
  if (ask.what === 'start') {
    sandbox = await startSandbox({ port: 0, token: ask.token });
    return sandbox.url;
  }
  if (sandbox === null) throw new TypeError('asked before the start');
  return ask.what === 'seen' ? sandbox.seen() : sandbox.stored(ask.type);
};

process.on('message', (ask: Ask) => {
  const tell = (told: Told): void => void process.send?.(told);
  answer(ask).then(
    (value) => tell({ id: ask.id, value, failed: false }),
    (error: unknown) => tell({ id: ask.id, value: String(error), failed: true }),
  );
});
process.on('disconnect', () => process.exit(0));
// A Ctrl-C in the terminal reaches the whole group; the demo ends this process when it is done.
process.on('SIGINT', () => undefined);
