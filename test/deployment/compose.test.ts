/** The Compose example: by the schema of compose-spec, by our rules, and whether its files fit together. */
import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { describe, it } from 'node:test';
import {
  at,
  broken,
  composeProblems,
  drainMs,
  exampleFolder,
  exampleText,
  isPinned,
  isSecretName,
  list,
  readTree,
  spanMs,
  type Rule,
  type Tree,
} from './manifests.ts';

const text = await exampleText('compose.yaml');
const file = readTree(text);
const services = Object.entries(file['services'] as Readonly<Record<string, Tree>>);
const gateways = services.filter(([, service]) => at(service, 'build') !== undefined);

/** Services without a healthcheck, and why that is so. */
const unchecked: Readonly<Record<string, string>> = {
  collector: 'neither a shell nor a client is in its image, and nobody waits for it',
};

type Named = readonly [name: string, service: Tree];

const published = (service: Tree): readonly string[] => list(service['ports']).map(String);

const rules: readonly Rule<Named>[] = [
  {
    says: 'runs as nobody by number',
    holds: ([, service]) => /^[1-9]\d*:[1-9]\d*$/.test(String(service['user'])),
  },
  { says: 'its root is read-only', holds: ([, service]) => service['read_only'] === true },
  {
    says: 'drops every capability and adds none',
    holds: ([, service]) =>
      list(service['cap_drop']).join() === 'ALL' &&
      service['cap_add'] === undefined &&
      service['privileged'] === undefined,
  },
  {
    says: 'gains no privileges',
    holds: ([, service]) => list(service['security_opt']).includes('no-new-privileges:true'),
  },
  {
    says: 'has limits',
    holds: ([, service]) =>
      ['cpus', 'memory', 'pids'].every(
        (name) => at(service, 'deploy', 'resources', 'limits', name) !== undefined,
      ),
  },
  {
    says: 'is checked for health',
    holds: ([name, service]) =>
      Object.hasOwn(unchecked, name) || list(at(service, 'healthcheck', 'test')).length > 1,
  },
  { says: 'its image is pinned', holds: ([, service]) => isPinned(service['image']) },
  {
    says: 'has time to stop',
    holds: ([name, service]) =>
      spanMs(service['stop_grace_period']) > (name.startsWith('gateway') ? drainMs : 0),
  },
  {
    says: 'no variable holds a secret',
    holds: ([, service]) => !Object.keys(at(service, 'environment') ?? {}).some(isSecretName),
  },
  {
    says: 'only loopback of the machine leads in',
    holds: ([, service]) =>
      service['network_mode'] === undefined &&
      published(service).every((port) => port.startsWith('127.0.0.1:')),
  },
  {
    says: 'the engine of containers is not in its hands',
    holds: ([, service]) => !JSON.stringify(service['volumes'] ?? []).includes('docker.sock'),
  },
];

describe('config/examples/compose.yaml', () => {
  it('is a Compose file', () => assert.deepEqual(composeProblems(file), []));

  it('would not pass with a name or a value that Compose does not know', () => {
    const wrong = readTree(text.replace('read_only: true', 'readonly: true'));
    assert.ok(composeProblems(wrong).some((problem) => problem.includes('readonly')));
    const short = readTree(text.replace('cap_drop: [ALL]', 'cap_drop: ALL'));
    assert.ok(composeProblems(short).some((problem) => /cap_drop.*must be array/.test(problem)));
  });

  for (const named of services) {
    it(`${named[0]} keeps our rules`, () => assert.deepEqual(broken(rules, named), []));
  }

  it('every rule bites', () => {
    const bare: Named = [
      'gateway',
      {
        image: 'valkey/valkey:latest',
        user: 'root',
        cap_add: ['NET_ADMIN'],
        environment: { POSTGRES_PASSWORD: 'x' },
        ports: ['8080:8080'],
        volumes: ['/var/run/docker.sock:/var/run/docker.sock'],
        stop_grace_period: `${drainMs}ms`,
      },
    ];
    assert.deepEqual(
      broken(rules, bare),
      rules.map(({ says }) => says),
    );
  });

  it('names nothing that it does not define, and its files are there', async () => {
    for (const section of ['configs', 'secrets', 'networks'] as const) {
      const defined = Object.keys(at(file, section) ?? {});
      for (const [name, service] of services) {
        const used = list(service[section]).map((entry) =>
          typeof entry === 'string' ? entry : String(at(entry, 'source')),
        );
        for (const each of used) assert.ok(defined.includes(each), `${name}: ${section} ${each}`);
      }
    }
    for (const [name, config] of Object.entries(at(file, 'configs') as object)) {
      const path = String(at(config, 'file'));
      await assert.doesNotReject(access(`${exampleFolder('.')}/${path}`), name);
    }
    // What is mounted as a secret is made by hand and is in no repository.
    const secrets = Object.values(at(file, 'secrets') as object).map((each: unknown) =>
      String(at(each, 'file')),
    );
    assert.ok(secrets.every((path) => path.startsWith('./compose/secrets/')));
    assert.match(await exampleText('compose/.gitignore'), /^secrets\/$/m);
  });

  it('has two gateways that differ by the instance they report, and by nothing else', () => {
    assert.deepEqual(
      gateways.map(([name]) => name),
      ['gateway-1', 'gateway-2'],
    );
    const [one, two] = gateways.map(([name, service]) =>
      JSON.stringify(service).replace(`service.instance.id=${name}`, ''),
    );
    assert.equal(one, two);
  });
});

describe('the files beside it', () => {
  it('the route file reads secrets where they are mounted', async () => {
    const wanted = [
      ...(await exampleText('compose/gateway.yaml')).matchAll(
        /\$\{file:\/run\/secrets\/([^}]+)\}/g,
      ),
    ].map(([, name]) => name);
    assert.ok(wanted.length >= 5);
    for (const [name, service] of gateways)
      for (const secret of wanted)
        assert.ok(list(service['secrets']).includes(secret), `${name}: ${secret}`);
  });

  it('the route file trusts the network of the entry, and no larger one', async () => {
    const route = readTree(await exampleText('compose/gateway.yaml'));
    const subnet = at(file, 'networks', 'entry', 'ipam', 'config', 0, 'subnet');
    assert.deepEqual(at(route, 'server', 'trustedProxies'), [subnet]);
  });

  it('the entry sends to each gateway what its admin listener calls ready', async () => {
    const entry = await exampleText('compose/haproxy.cfg');
    const route = readTree(await exampleText('compose/gateway.yaml'));
    const port = (section: string): string =>
      String(at(route, section, 'listen')).replace(/^.*:/, '');
    const ready = /backend gateways\n([^]*?)\n\n/.exec(entry)?.[1] ?? '';
    assert.match(ready, /uri \/readyz ver HTTP\/1\.1 hdr Host localhost/);
    assert.ok(ready.includes(`check port ${port('admin')} `));
    const sent = [...ready.matchAll(/^ {4}server (\S+) (\S+)$/gm)].map(([, name, to]) => [
      name,
      to,
    ]);
    assert.deepEqual(
      sent,
      gateways.map(([name]) => [name, `${name}:${port('server')}`]),
    );
  });

  it('PostgreSQL acknowledges what is on disk only, and keeps its data', () => {
    const postgres = at(file, 'services', 'postgres');
    const command = list(at(postgres, 'command'));
    for (const setting of ['fsync', 'full_page_writes', 'synchronous_commit'])
      assert.ok(command.includes(`-c${setting}=on`), setting);
    assert.deepEqual(at(postgres, 'volumes'), ['postgres:/var/lib/postgresql/data']);
    assert.equal(
      at(postgres, 'environment', 'POSTGRES_PASSWORD_FILE'),
      '/run/secrets/postgres.password',
    );
  });

  it('the collector sends each signal on', async () => {
    const collector = readTree(await exampleText('compose/collector.yaml'));
    const exporters = Object.keys(at(collector, 'exporters') as object);
    for (const signal of ['traces', 'metrics', 'logs']) {
      const used = list(at(collector, 'service', 'pipelines', signal, 'exporters'));
      assert.ok(used.length > 0, signal);
      for (const each of used) assert.ok(exporters.includes(String(each)), String(each));
    }
  });
});
