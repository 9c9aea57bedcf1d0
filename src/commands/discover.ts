/**
 * `sallyport discover`: reads what a target says of its schemas, with the gateway's own credential,
 * and gives it as a file to review and to name in `schemas:`. Two reads; nothing is changed anywhere.
 */
import { systemClock } from '../clock.ts';
import type { Answer } from '../identity/call.ts';
import type { DiscoveryDocument } from '../identity/operation.ts';
import { schemasFile } from '../identity/scim/declared-settings.ts';
import { schemasProblems } from '../identity/scim/declared-types.ts';
import { pinSchemas } from '../identity/scim/pinned-schemas.ts';
import { printCall } from '../identity/scim/print.ts';
import { printPath } from '../config/problem.ts';
import type { Snapshot, Target } from '../snapshot.ts';
import { makeTargets } from '../targets/make-targets.ts';
import type { Targets } from '../targets/send.ts';
import { silentObserver } from '../telemetry/observe.ts';

/** A schemas file as text, what was left out of it, and endpoints `resources:` does not name yet. */
export type Discovered = Readonly<{
  text: string;
  leftOut: readonly string[];
  unnamed: readonly string[];
}>;

/** Why there is nothing to write, in words for a person. */
export type NotDiscovered = Readonly<{ failed: string }>;

const deadlineOf = ({ settings }: Target): number =>
  systemClock.monotonic() + settings.limits.wait + settings.timeout;

const readDocument = async (
  targets: Targets,
  target: Target,
  document: DiscoveryDocument,
): Promise<Answer | NotDiscovered> => {
  const bases = { publicBase: '', targetBase: target.settings.baseUrl };
  const call = printCall({ verb: 'discover', document, repairs: [] }, bases);
  const sent = await targets.send(target.name, call, {
    client: 'discover',
    revocation: false,
    headers: {},
    deadline: deadlineOf(target),
    lastCheck: () => null,
    onAttempt: () => undefined,
  });
  if (sent.kind !== 'answered') return { failed: `${target.name} did not answer: ${sent.reason}` };
  const { status, readable } = sent.answer;
  return status === 200 && readable
    ? sent.answer
    : { failed: `${target.name} answered /${document} with status ${status} and no SCIM list` };
};

const named = (target: Target): ReadonlySet<string> =>
  new Set(
    ['Users', 'Groups', ...(target.settings.resources ?? [])].map((name) => name.toLowerCase()),
  );

const printFile = (
  target: Target,
  types: Answer | NotDiscovered,
  schemas: Answer,
): Discovered | NotDiscovered => {
  const pinned = pinSchemas('failed' in types ? undefined : types.body, schemas.body);
  if (pinned === null) return { failed: `${target.name} serves no list of schemas` };
  const parsed = schemasFile.safeParse(pinned.file);
  const problems = parsed.success
    ? schemasProblems(parsed.data)
    : parsed.error.issues.map(({ path, message }) => ({ path, message }));
  const [first] = problems;
  if (!parsed.success || first !== undefined) {
    const at = printPath((first?.path ?? []) as (string | number)[]);
    return { failed: `what ${target.name} declares cannot be pinned: ${first?.message} (${at})` };
  }
  const known = named(target);
  return {
    text: `${JSON.stringify(pinned.file, null, 2)}\n`,
    leftOut: pinned.leftOut,
    unnamed: parsed.data.resourceTypes
      .map(({ endpoint }) => endpoint.slice(1))
      .filter((endpoint) => !known.has(endpoint.toLowerCase())),
  };
};

/** Discovers one target of a configuration whose secrets are resolved. */
export const discover = async (
  snapshot: Snapshot,
  name: string,
): Promise<Discovered | NotDiscovered> => {
  const target = Object.hasOwn(snapshot.targets, name) ? snapshot.targets[name] : undefined;
  if (target === undefined) return { failed: 'there is no such target' };
  if (target.unconfigured !== null) return { failed: `${name}: ${target.unconfigured}` };
  const targets = makeTargets({ clock: systemClock, observer: silentObserver });
  targets.reconcile({ [name]: target });
  try {
    const types = await readDocument(targets, target, 'ResourceTypes');
    const schemas = await readDocument(targets, target, 'Schemas');
    return 'failed' in schemas ? schemas : printFile(target, types, schemas);
  } finally {
    await targets.close(0);
  }
};
