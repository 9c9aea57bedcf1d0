/**
 * The act of safety: two people have left, a third one is above the guard and waits for a person; the
 * account for emergencies is locked out by nobody, whatever it is called meanwhile.
 */
import { patch, type Step } from './step.ts';

/** Whose change waits at the end. */
export const heldName = 'ada';

export const safetyAct: readonly Step[] = [
  {
    says: 'leaver no. 3, one more than the guard lets pass',
    client: 'entra',
    method: 'PATCH',
    path: `/Users/{${heldName}}`,
    body: patch({ op: 'Replace', path: 'active', value: 'False' }),
    expect: {
      status: 403,
      code: 'mutation_held',
      actions: ['users:deactivate'],
      repairs: ['C1', 'C2'],
      holds: { active: true },
    },
  },
  {
    says: 'Entra tries again: it joins what waits',
    client: 'entra',
    method: 'PATCH',
    path: `/Users/{${heldName}}`,
    body: patch({ op: 'Replace', path: 'active', value: 'False' }),
    expect: {
      status: 403,
      code: 'mutation_held',
      actions: ['users:deactivate'],
      holds: { active: true },
    },
  },
  {
    says: 'Okta renames the break-glass account',
    client: 'okta',
    method: 'PATCH',
    path: '/Users/{breakglass}',
    body: patch({ op: 'replace', value: { userName: 'nobody@example.com' } }),
    expect: {
      status: 403,
      code: 'subject_protected',
      actions: ['users:rename'],
      holds: { userName: 'breakglass@example.com' },
    },
  },
  {
    says: 'Okta locks the break-glass account out',
    client: 'okta',
    method: 'PATCH',
    path: '/Users/{breakglass}',
    body: patch({ op: 'replace', value: { active: false } }),
    expect: {
      status: 403,
      code: 'subject_protected',
      actions: ['users:deactivate'],
      holds: { active: true },
    },
  },
];
