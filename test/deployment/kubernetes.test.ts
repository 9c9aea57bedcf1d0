/** The Kubernetes example: by the schemas of its API, by our rules, and whether its files fit together. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';
import {
  at,
  broken,
  drainMs,
  exampleFolder,
  exampleText,
  isPinned,
  isSecretName,
  kubernetesProblems,
  list,
  readManifest,
  readTree,
  type Rule,
  type Tree,
} from './manifests.ts';

const kustomization = readTree(await exampleText('kubernetes/kustomization.yaml'));
const resources = list(kustomization['resources']).map(String);
const objects = (
  await Promise.all(
    resources.map(async (name) => readManifest(await exampleText(`kubernetes/${name}`))),
  )
).flat();

const only = (kind: string): Tree => {
  const found = objects.filter((object) => object['kind'] === kind);
  assert.equal(found.length, 1, kind);
  return found[0] ?? {};
};

const deployment = only('Deployment');
const podOf = (object: Tree): Tree => at(object, 'spec', 'template', 'spec') as Tree;
const pod = podOf(deployment);
const containersOf = (spec: Tree): readonly Tree[] =>
  [...list(spec['initContainers']), ...list(spec['containers'])] as readonly Tree[];
const labels = at(deployment, 'spec', 'template', 'metadata', 'labels') as Tree;

const selects = (selector: unknown): boolean => {
  const pairs = Object.entries((at(selector, 'matchLabels') ?? {}) as Tree);
  return pairs.length > 0 && pairs.every(([name, value]) => labels[name] === value);
};

const preStopSeconds = (container: Tree): number =>
  Number(list(at(container, 'lifecycle', 'preStop', 'exec', 'command'))[1] ?? 0);

const podRules: readonly Rule<Tree>[] = [
  {
    says: 'runs as nobody',
    holds: (spec) =>
      at(spec, 'securityContext', 'runAsNonRoot') === true &&
      Number(at(spec, 'securityContext', 'runAsUser') ?? 0) > 0,
  },
  {
    says: 'system calls are those of the default profile',
    holds: (spec) => at(spec, 'securityContext', 'seccompProfile', 'type') === 'RuntimeDefault',
  },
  {
    says: 'no token of the cluster is mounted',
    holds: (spec) => spec['automountServiceAccountToken'] === false,
  },
  {
    says: 'shares nothing of the node',
    holds: (spec) =>
      ['hostNetwork', 'hostPID', 'hostIPC'].every((name) => spec[name] === undefined) &&
      list(spec['volumes']).every((volume) => at(volume, 'hostPath') === undefined),
  },
  {
    says: 'has time to drain after the pause before it',
    holds: (spec) =>
      Number(spec['terminationGracePeriodSeconds'] ?? 30) * 1_000 >
      drainMs + Math.max(...containersOf(spec).map(preStopSeconds)) * 1_000,
  },
  {
    says: 'spreads over nodes',
    holds: (spec) =>
      list(spec['topologySpreadConstraints']).some(
        (each) =>
          at(each, 'topologyKey') === 'kubernetes.io/hostname' &&
          selects(at(each, 'labelSelector')),
      ),
  },
];

const containerRules: readonly Rule<Tree>[] = [
  {
    says: 'gains no privileges',
    holds: (each) =>
      at(each, 'securityContext', 'allowPrivilegeEscalation') === false &&
      at(each, 'securityContext', 'privileged') === undefined &&
      at(each, 'securityContext', 'runAsNonRoot') === true,
  },
  {
    says: 'its root is read-only',
    holds: (each) => at(each, 'securityContext', 'readOnlyRootFilesystem') === true,
  },
  {
    says: 'drops every capability and adds none',
    holds: (each) =>
      list(at(each, 'securityContext', 'capabilities', 'drop')).join() === 'ALL' &&
      at(each, 'securityContext', 'capabilities', 'add') === undefined,
  },
  {
    says: 'has requests and limits',
    holds: (each) =>
      ['requests', 'limits'].every((kind) =>
        ['cpu', 'memory'].every((name) => at(each, 'resources', kind, name) !== undefined),
      ),
  },
  {
    says: 'is asked whether it started, lives and is ready',
    holds: (each) =>
      [
        ['startupProbe', '/livez'],
        ['livenessProbe', '/livez'],
        ['readinessProbe', '/readyz'],
      ].every(
        ([probe, path]) =>
          at(each, probe ?? '', 'httpGet', 'path') === path &&
          at(each, probe ?? '', 'httpGet', 'port') === 'admin',
      ),
  },
  { says: 'waits until nobody sends', holds: (each) => preStopSeconds(each) > 0 },
  { says: 'its image is pinned', holds: (each) => isPinned(each['image']) },
  {
    says: 'no variable holds a secret',
    holds: (each) =>
      list(each['env']).every((entry) => !isSecretName(String(at(entry, 'name')))) &&
      each['envFrom'] === undefined,
  },
];

describe('config/examples/kubernetes', () => {
  it('names every file of the folder once', async () => {
    const there = (await readdir(exampleFolder('kubernetes'))).filter(
      (name) => !['kustomization.yaml', 'gateway.yaml'].includes(name),
    );
    assert.deepEqual(resources.toSorted(), there.toSorted());
  });

  for (const object of objects) {
    it(`${String(object['kind'])} is what the API takes`, () => {
      assert.deepEqual(kubernetesProblems(object), []);
      if (object['kind'] !== 'Namespace')
        assert.equal(at(object, 'metadata', 'namespace'), kustomization['namespace']);
    });
  }

  it('would not pass with a name, a type or a kind that the API does not know', async () => {
    const text = await exampleText('kubernetes/deployment.yaml');
    const problems = (from: string, to: string): string => {
      assert.ok(text.includes(from), from);
      return readManifest(text.replace(from, to)).flatMap(kubernetesProblems).join('\n');
    };
    assert.match(
      problems('readOnlyRootFilesystem', 'readonlyRootFilesystem'),
      /readonlyRoot.*known/,
    );
    assert.match(problems('replicas: 2', "replicas: '2'"), /replicas: type .*integer/);
    assert.match(problems('  selector:', '  selectors:'), /spec: required .*selector/);
    assert.match(problems('kind: Deployment', 'kind: Deploiment'), /Deploiment: give its schema/);
  });

  it('the pod keeps our rules', () => assert.deepEqual(broken(podRules, pod), []));
  for (const container of containersOf(pod)) {
    it(`the container ${String(container['name'])} keeps our rules`, () =>
      assert.deepEqual(broken(containerRules, container), []));
  }

  it('every rule bites', () => {
    const container = {
      image: 'sallyport',
      securityContext: { privileged: true, capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } },
      env: [{ name: 'STORE_PASSWORD', value: 'x' }],
    };
    const bare = { containers: [container], volumes: [{ hostPath: { path: '/' } }] };
    const slow = { ...bare, terminationGracePeriodSeconds: drainMs / 1_000 };
    const all = (rules: readonly Readonly<{ says: string }>[]) => rules.map(({ says }) => says);
    assert.deepEqual(broken(podRules, slow), all(podRules));
    assert.deepEqual(broken(containerRules, container), all(containerRules));
  });

  it('holds no Secret: those are made by hand', () => {
    assert.ok(objects.every((object) => object['kind'] !== 'Secret'));
    assert.equal(kustomization['secretGenerator'], undefined);
  });

  it('goes on serving while it is updated and while nodes are emptied', () => {
    assert.ok(Number(at(deployment, 'spec', 'replicas')) >= 2);
    assert.equal(at(deployment, 'spec', 'strategy', 'rollingUpdate', 'maxUnavailable'), 0);
    const budget = only('PodDisruptionBudget');
    assert.ok(selects(at(budget, 'spec', 'selector')));
    assert.equal(at(budget, 'spec', 'maxUnavailable'), 1);
  });

  it('lets clients reach the data listener, and nobody the admin listener', async () => {
    const service = only('Service');
    assert.deepEqual(
      list(at(service, 'spec', 'ports')).map((port) => at(port, 'targetPort')),
      ['data'],
    );
    assert.ok(selects({ matchLabels: at(service, 'spec', 'selector') }));
    const policy = only('NetworkPolicy');
    assert.ok(selects(at(policy, 'spec', 'podSelector')));
    assert.deepEqual(at(policy, 'spec', 'policyTypes'), ['Ingress', 'Egress']);
    const incoming = list(at(policy, 'spec', 'ingress'));
    assert.ok(incoming.every((rule) => list(at(rule, 'from')).length > 0));
    assert.deepEqual(
      incoming.flatMap((rule) => list(at(rule, 'ports'))).map((each) => at(each, 'port')),
      ['data'],
    );
    const route = readTree(await exampleText('kubernetes/gateway.yaml'));
    const ports = list(at(pod, 'containers', 0, 'ports')).map((port) => [
      at(port, 'name'),
      at(port, 'containerPort'),
    ]);
    const listens = (section: string): number =>
      Number(String(at(route, section, 'listen')).replace(/^.*:/, ''));
    assert.deepEqual(ports, [
      ['data', listens('server')],
      ['admin', listens('admin')],
    ]);
  });

  it('mounts what the route file reads', async () => {
    const text = await exampleText('kubernetes/gateway.yaml');
    const head = await exampleText('kubernetes/kustomization.yaml');
    const mounts = list(at(pod, 'containers', 0, 'volumeMounts'));
    const pathOf = (volume: string): unknown =>
      at(
        mounts.find((mount) => at(mount, 'name') === volume),
        'mountPath',
      );
    assert.equal(pathOf('secrets'), '/run/secrets/sallyport');
    const files = [...text.matchAll(/\/run\/secrets\/sallyport\/([\w.-]+)/g)].map(
      ([, name]) => name,
    );
    assert.ok(files.length >= 6);
    for (const name of files)
      assert.ok(head.includes(`--from-file=${name}`), `the head does not make ${name}`);
    const generated = list(kustomization['configMapGenerator']).map((each) => at(each, 'name'));
    const volumes = list(pod['volumes']);
    const used = volumes.flatMap((volume) => at(volume, 'configMap', 'name') ?? []);
    assert.deepEqual(used, generated);
    const sources = volumes.flatMap((volume) => list(at(volume, 'projected', 'sources')));
    for (const source of sources)
      assert.ok(head.includes(`secret generic ${String(at(source, 'secret', 'name'))} `));
  });
});
