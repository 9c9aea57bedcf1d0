/** What every command is given of the process; main.ts is the only one that touches it. */

export type CommandContext = Readonly<{
  env: Readonly<Record<string, string | undefined>>;
  /** Version of this program. */
  version: string;
  /** Writes to standard output; resolves when it was taken. */
  write(text: string): Promise<void>;
  /** One line to standard error. */
  error(line: string): void;
  onSignal(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', run: () => void): void;
}>;
