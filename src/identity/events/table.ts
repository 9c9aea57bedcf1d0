/**
 * The mappings. A new one is one file and one line here; nobody compares names. A sender that has
 * none is read by the generic one.
 */
import type { Mapping } from './mapping.ts';
import { auth0 } from './sources/auth0.ts';
import { bamboohr } from './sources/bamboohr.ts';
import { deel } from './sources/deel.ts';
import { entraLifecycle } from './sources/entra-lifecycle.ts';
import { awsSns, cloudevents, standardWebhooks } from './sources/envelopes.ts';
import { generic } from './sources/generic.ts';
import { github } from './sources/github.ts';
import { googleDirectory, googlePubsub } from './sources/google.ts';
import { gusto } from './sources/gusto.ts';
import { hibob } from './sources/hibob.ts';
import { msGraph } from './sources/ms-graph.ts';
import { okta } from './sources/okta.ts';
import { personio } from './sources/personio.ts';
import { rippling } from './sources/rippling.ts';
import { workday, servicenow } from './sources/rows.ts';
import { sailpoint } from './sources/sailpoint.ts';
import { securityEventToken } from './sources/security-event-token.ts';
import { slack } from './sources/slack.ts';
import { successfactors } from './sources/successfactors.ts';
import { finch, kombo, merge } from './sources/unified.ts';
import { workos } from './sources/workos.ts';

/** All of them, the generic one last. */
export const mappings: readonly Mapping[] = Object.freeze([
  okta,
  auth0,
  msGraph,
  entraLifecycle,
  googleDirectory,
  googlePubsub,
  bamboohr,
  hibob,
  personio,
  rippling,
  gusto,
  successfactors,
  workday,
  servicenow,
  sailpoint,
  workos,
  github,
  slack,
  finch,
  kombo,
  merge,
  deel,
  securityEventToken,
  cloudevents,
  standardWebhooks,
  awsSns,
  generic,
]);

const bySender: ReadonlyMap<string, Mapping> = new Map(
  mappings.flatMap((mapping) =>
    [mapping.name, ...mapping.senders].map((sender): [string, Mapping] => [sender, mapping]),
  ),
);

/** The mapping of a sender (signatures/). */
export const mappingOf = (sender: string): Mapping => bySender.get(sender) ?? generic;
