-- What protection, proofs of effect and reports of use keep. Ids at a target stand as they are.
CREATE TABLE protection_marks (
  tenant text COLLATE "C" NOT NULL,
  rule text COLLATE "C" NOT NULL,
  word text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (tenant, rule, word, id)
);

-- When a rule was looked through whole; another digest is another rule of the same name.
CREATE TABLE protection_rules (
  tenant text COLLATE "C" NOT NULL,
  rule text COLLATE "C" NOT NULL,
  digest text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (tenant, rule)
);

-- `version` grows with each change, so that of two copies the newer is known.
CREATE TABLE overrides (
  id text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  rule text COLLATE "C" NOT NULL,
  client text COLLATE "C" NOT NULL,
  subject text COLLATE "C",
  reason text NOT NULL,
  asked_by text NOT NULL,
  at bigint NOT NULL,
  until bigint NOT NULL,
  approved_by text,
  approved_at bigint,
  ended_at bigint,
  version bigint NOT NULL
);

CREATE TABLE populations (
  tenant text COLLATE "C" NOT NULL,
  word text COLLATE "C" NOT NULL,
  counted bigint NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (tenant, word)
);

-- One row per resource that is watched, by keyed hash.
CREATE TABLE checks (
  key bytea PRIMARY KEY,
  entry text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  target text COLLATE "C" NOT NULL,
  route text COLLATE "C" NOT NULL,
  resource_type text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  round integer NOT NULL,
  -- When it is looked at next; of a claimed one the end of its lease.
  due_at bigint NOT NULL,
  drifted_at bigint,
  paths text NOT NULL,
  version bigint NOT NULL,
  sealed bytea NOT NULL
);
CREATE INDEX checks_due ON checks (state, due_at);
ALTER TABLE checks ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- What was used of grants, by day (UTC, since the epoch). `attributes` is a JSON list of names, sorted.
CREATE TABLE uses (
  day bigint NOT NULL,
  route text COLLATE "C" NOT NULL,
  client text COLLATE "C" NOT NULL,
  rule text COLLATE "C" NOT NULL,
  action text COLLATE "C" NOT NULL,
  verdict text COLLATE "C" NOT NULL,
  count bigint NOT NULL,
  attributes text NOT NULL,
  PRIMARY KEY (day, route, client, rule, action, verdict)
);

INSERT INTO news VALUES ('holds', 0), ('protection', 0), ('checks', 0) ON CONFLICT DO NOTHING;
