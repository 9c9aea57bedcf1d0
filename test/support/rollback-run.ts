/** Plans and runs of rollbacks, as whoever may open the store asks for them. */
import { localPerson, perform, type Person } from '../../src/admin/operation.ts';
import { rollbackOperations } from '../../src/admin/rollback-operations.ts';
import { isRefusal } from '../../src/errors.ts';
import type { UndoPlan, UndoRun } from '../../src/undo/make-undo.ts';
import type { Fixture } from './fixture.ts';

const admin = async <Answer>(
  fixture: Pick<Fixture, 'gateway'>,
  person: Person,
  name: string,
  input: Readonly<Record<string, unknown>>,
): Promise<Answer> => {
  const entry = rollbackOperations.find((one) => one.name === name);
  if (entry === undefined) throw new TypeError(name);
  const result = await perform(entry, fixture.gateway.context, person, input);
  if (isRefusal(result) || !('json' in result)) throw new Error(JSON.stringify(result));
  return result.json as Answer;
};

export const planRollback = (
  fixture: Pick<Fixture, 'gateway'>,
  ids: readonly string[],
  person: Person = localPerson,
): Promise<UndoPlan> => admin<UndoPlan>(fixture, person, 'rollbacks.plan', { ids });

export const runRollback = (
  fixture: Pick<Fixture, 'gateway'>,
  ids: readonly string[],
  digest: string,
  person: Person = localPerson,
): Promise<UndoRun> => admin<UndoRun>(fixture, person, 'rollbacks.run', { ids, digest });
