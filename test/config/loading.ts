/** Loads route files from memory, for the tests of this folder. */
import { generateKeyPairSync } from 'node:crypto';
import { keptFiles } from '../../src/config/files-on-disk.ts';
import { loadConfig, type Loaded } from '../../src/config/load.ts';
import { printProblem } from '../../src/config/problem.ts';

export const now = Date.parse('2026-12-01T12:00:00Z');
export const storeKey = Buffer.alloc(32, 7).toString('base64');
export const checkpointKey = generateKeyPairSync('ed25519')
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

/** A store whose secrets `secretFiles` holds. */
export const store = `store:
  url: sqlite:data/s.db
  encryptionKeys: ['\${file:data/store.key}']
  checkpoints: { key: '\${file:data/checkpoint.key}' }
`;
export const secretFiles: Readonly<Record<string, string>> = {
  'data/store.key': `${storeKey}\n`,
  'data/checkpoint.key': checkpointKey,
};

const absent = {
  readFile: (path: string): Promise<string> =>
    Promise.reject(Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })),
  listFiles: (): Promise<readonly string[]> => Promise.resolve([]),
};

/** Loads `gateway.yaml` out of `files`; a text alone stands for it. */
export const load = (
  files: string | Readonly<Record<string, string>>,
  more: Readonly<{ env?: Record<string, string>; resolve?: boolean; now?: number }> = {},
): Promise<Loaded> => {
  const texts = typeof files === 'string' ? { 'gateway.yaml': files } : files;
  return loadConfig({
    ...keptFiles({ ...secretFiles, ...texts }, absent),
    path: 'gateway.yaml',
    env: more.env ?? {},
    resolve: more.resolve ?? false,
    now: more.now ?? now,
  });
};

/** Problems as printed. */
export const problemsOf = async (...input: Parameters<typeof load>): Promise<string[]> =>
  (await load(...input)).problems.map(printProblem);

/** Warnings as printed. */
export const warningsOf = async (...input: Parameters<typeof load>): Promise<string[]> =>
  (await load(...input)).warnings.map(printProblem);

/** A small file that loads; sections can be replaced. */
export const small = (
  sections: Readonly<
    Partial<Record<'server' | 'clients' | 'targets' | 'rest' | 'routes', string>>
  > = {},
): string => `version: 1
${store}${sections.server ?? ''}
clients:
${
  sections.clients ??
  `  c1:
    owner: team@example.com
    purpose: testing
    expires: 2027-12-31
    auth: [{ apiKey: {} }]
`
}
targets:
${
  sections.targets ??
  `  t1:
    baseUrl: https://t1.example.com/scim
    auth: [{ bearer: '\${env:T1_TOKEN}' }]
`
}
permissions:
  p1:
    users: { actions: [read, update] }
${sections.rest ?? ''}
routes:
${
  sections.routes ??
  `  r1:
    path: /scim/r1
    scim: t1
    grants: [{ client: c1, use: p1 }]
`
}`;
