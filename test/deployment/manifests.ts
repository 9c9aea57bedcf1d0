/**
 * Files of a deployment, held against the published schemas of what reads them: Compose by the JSON
 * schema of compose-spec (it comes with dclint), Kubernetes by the OpenAPI of its API server (compiled
 * in kubernetes-models). Both also refuse names that the schema does not know.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { validate as deployment } from 'kubernetes-models/_schemas/IoK8sApiAppsV1Deployment';
import { validate as namespace } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Namespace';
import { validate as service } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Service';
import { validate as account } from 'kubernetes-models/_schemas/IoK8sApiCoreV1ServiceAccount';
import { validate as policy } from 'kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy';
import { validate as budget } from 'kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget';
import { parse, parseAllDocuments } from 'yaml';

/** Any object of a YAML file. */
export type Tree = Readonly<Record<string, unknown>>;

const folder = new URL('../../config/examples/', import.meta.url);

/** Text of a file below config/examples. */
export const exampleText = (name: string): Promise<string> =>
  readFile(new URL(name, folder), 'utf8');

/** A folder below config/examples, for what lists or reads it. */
export const exampleFolder = (name: string): string => fileURLToPath(new URL(name, folder));

/** The one document of a YAML file; anchors merged as Compose merges them. */
export const readTree = (text: string): Tree => parse(text, { merge: true }) as Tree;

/** All documents of a manifest; an error of YAML is thrown. */
export const readManifest = (text: string): readonly Tree[] =>
  parseAllDocuments(text).map((document) => {
    if ('errors' in document && document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as Tree;
  });

/** What lies at a path of names and indices, or undefined. */
export const at = (tree: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>(
    (found, step) =>
      typeof found === 'object' && found !== null ? (found as Tree)[step] : undefined,
    tree,
  );

/** An array, or an empty one where there is none. */
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const composeSchema = async (): Promise<(data: unknown) => readonly string[]> => {
  const home = import.meta.resolve('dclint/package.json');
  const text = await readFile(new URL('./schemas/compose.schema.json', home), 'utf8');
  // Its own name of the draft is not the one that readers of schemas know.
  const { $schema: _, ...schema } = JSON.parse(text) as Tree;
  const ajv = new Ajv({ strict: false, allErrors: true });
  const validate = ajv.compile(schema);
  return (data) =>
    validate(data)
      ? []
      : (validate.errors ?? []).map(
          ({ instancePath, message, params }) =>
            `${instancePath}: ${message ?? ''} ${JSON.stringify(params)}`,
        );
};

/** Problems of a Compose file as its schema sees them; none = it is one. */
export const composeProblems = await composeSchema();

type Validate = ((data: unknown) => boolean) & {
  errors?: readonly Readonly<{ instancePath: string; keyword: string; params: object }>[] | null;
};

/** The kinds that our manifests use. Another one is a line here. */
const kinds: Readonly<Record<string, Validate>> = {
  'v1 Namespace': namespace,
  'v1 ServiceAccount': account,
  'v1 Service': service,
  'apps/v1 Deployment': deployment,
  'policy/v1 PodDisruptionBudget': budget,
  'networking.k8s.io/v1 NetworkPolicy': policy,
};

/**
 * The same data, noting what is looked at. The compiled schemas are open, as the API's are; they ask
 * for each name they know and walk whole maps, so what nobody asked for is a name nobody knows.
 */
const watched = (data: object, path: string, asked: Set<string>): object =>
  new Proxy(data, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      const below = `${path}/${String(name)}`;
      asked.add(below);
      return typeof value === 'object' && value !== null ? watched(value, below, asked) : value;
    },
  });

const unasked = (data: object, path: string, asked: ReadonlySet<string>): readonly string[] =>
  Object.entries(data).flatMap(([name, value]: [string, unknown]) => {
    const below = `${path}/${name}`;
    if (!asked.has(below)) return [`${below}: nothing of this name is known`];
    return typeof value === 'object' && value !== null ? unasked(value, below, asked) : [];
  });

/** Problems of one Kubernetes object as the API's schema sees them; none = it is well formed. */
export const kubernetesProblems = (object: Tree): readonly string[] => {
  const kind = `${String(object['apiVersion'])} ${String(object['kind'])}`;
  const validate = kinds[kind];
  if (validate === undefined) return [`${kind}: give its schema a line in manifests.ts`];
  const asked = new Set<string>();
  const wrong = validate(watched(object, '', asked)) ? [] : (validate.errors ?? []);
  return [
    ...wrong.map(
      ({ instancePath, keyword, params }) =>
        `${instancePath}: ${keyword} ${JSON.stringify(params)}`,
    ),
    ...unasked(object, '', asked),
  ];
};

/** A rule of ours, and what it says where it is broken. */
export type Rule<Subject> = Readonly<{ says: string; holds(subject: Subject): boolean }>;

/** The rules that a subject breaks. */
export const broken = <Subject>(rules: readonly Rule<Subject>[], subject: Subject): string[] =>
  rules.filter((rule) => !rule.holds(subject)).map(({ says }) => says);

/** An image by a tag that names one release, or by digest. */
export const isPinned = (image: unknown): boolean =>
  typeof image === 'string' &&
  (/@sha256:[0-9a-f]{64}$/.test(image) || /^[^:@]+:v?\d+\.\d+[\w.-]*$/.test(image));

/** A name under which one must not write a value: files hold those. */
export const isSecretName = (name: string): boolean =>
  /pass|secret|token|credential|(^|_)key$/i.test(name) && !name.endsWith('_FILE');

/** A Go duration in ms. */
export const spanMs = (text: unknown): number => {
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  const parts = [...String(text).matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0);
};

/** How long the program drains after SIGTERM, ms, as it says itself. */
export const drainMs = Number(
  /drainMs = ([\d_]+);/
    .exec(await readFile(new URL('../../src/commands/serve.ts', import.meta.url), 'utf8'))?.[1]
    ?.replaceAll('_', ''),
);
