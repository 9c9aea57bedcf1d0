/**
 * The target dialects. A new one is one file and one line here; the route file's `dialect`, the JSON
 * Schema, the README list and the conformance tests iterate this table, and nobody compares names.
 */
import { rfcKnobs, type KnobSettings, type Knobs } from './knobs.ts';
import type { TargetDialect } from './target-dialect.ts';
import { atlassian } from './targets/atlassian.ts';
import { awsIdentityCenter } from './targets/aws-identity-center.ts';
import { databricks } from './targets/databricks.ts';
import { entra } from './targets/entra.ts';
import { github } from './targets/github.ts';
import { gitlab } from './targets/gitlab.ts';
import { google } from './targets/google.ts';
import { keycloak } from './targets/keycloak.ts';
import { okta } from './targets/okta.ts';
import { rfc } from './targets/rfc.ts';
import { salesforce } from './targets/salesforce.ts';
import { slack } from './targets/slack.ts';
import { snowflake } from './targets/snowflake.ts';
import { wso2 } from './targets/wso2.ts';
import { zoom } from './targets/zoom.ts';

/** All of them, in the order of the README. */
const all: readonly TargetDialect[] = [
  rfc,
  okta,
  entra,
  slack,
  github,
  atlassian,
  awsIdentityCenter,
  google,
  salesforce,
  zoom,
  databricks,
  snowflake,
  gitlab,
  keycloak,
  wso2,
];

/** By the name a route file uses; null prototype, frozen. */
export const targetDialects: Readonly<Record<string, TargetDialect>> = Object.freeze(
  Object.assign(
    Object.create(null) as Record<string, TargetDialect>,
    Object.fromEntries(all.map((dialect) => [dialect.name, Object.freeze(dialect)])),
  ),
);

/** The knobs of a target: the RFC's, the dialect's over them, single overrides on top. */
export const resolveKnobs = (dialect: TargetDialect, overrides: KnobSettings): Knobs => {
  const stated = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return Object.freeze({ ...rfcKnobs, ...dialect.knobs, ...Object.fromEntries(stated) });
};
