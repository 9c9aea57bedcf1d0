/**
 * After the session: what waits for people, as one of them sees it over the admin API, and what becomes
 * of it once they say yes. It goes out once, however often they say so.
 */
import { has } from './play-session.ts';
import { askAdmin, type Admin, type Claim } from './prove.ts';
import type { SandboxProcess } from './spawn-sandbox.ts';

type Listed = Readonly<{
  id: string;
  calls: number;
  client: string;
  actions: readonly string[];
  rule: string;
}>;

type Decided = Readonly<{
  ok: boolean;
  state: string;
  outcome: string | null;
  note: string | null;
}>;

const approve = async (admin: Admin, id: string): Promise<Decided | undefined> => {
  const answer = await askAdmin(admin, 'POST', '/holds/approve', { ids: [id] });
  return (JSON.parse(answer) as readonly Decided[])[0];
};

/** Lists what waits, lets it out, tries that again; `subject` is whom it deactivates. */
export const proveHolds = async (
  admin: Admin,
  person: string,
  sandbox: Pick<SandboxProcess, 'stored'>,
  subject: string,
): Promise<readonly Claim[]> => {
  const waiting = JSON.parse(await askAdmin(admin, 'GET', '/holds')) as readonly Listed[];
  const [hold] = waiting;
  if (hold === undefined) return [{ ok: false, says: 'nothing waits for people' }];
  const released = await approve(admin, hold.id);
  const again = await approve(admin, hold.id);
  const stored = await sandbox.stored('User');
  const off = has(
    stored.find(({ id }) => id === subject),
    { active: false },
  );
  return [
    {
      ok: waiting.length === 1 && hold.calls === 2 && hold.rule === 'guards.leavers',
      says: `${waiting.length} change waits: ${hold.id}, ${String(hold.actions)} by ${hold.client}, sent ${hold.calls} times, held by ${hold.rule}`,
    },
    {
      ok: released?.state === 'released' && released.outcome === 'applied' && off,
      says: `${person} approves it: ${released?.state ?? '-'}, ${released?.outcome ?? released?.note ?? '-'}; the target ${off ? 'has' : 'has NOT'} deactivated Ada`,
    },
    {
      ok: again?.ok === false,
      says: `and approves it again: ${again?.note ?? 'released a second time'}`,
    },
  ];
};
