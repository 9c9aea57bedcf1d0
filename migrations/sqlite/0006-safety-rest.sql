-- What protection, proofs of effect and reports of use keep. Ids at a target stand as they are.
CREATE TABLE protection_marks (
  tenant TEXT NOT NULL,
  rule TEXT NOT NULL,
  word TEXT NOT NULL,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (tenant, rule, word, id)
) STRICT, WITHOUT ROWID;

-- When a rule was looked through whole; another digest is another rule of the same name.
CREATE TABLE protection_rules (
  tenant TEXT NOT NULL,
  rule TEXT NOT NULL,
  digest TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (tenant, rule)
) STRICT, WITHOUT ROWID;

-- `version` grows with each change, so that of two copies the newer is known.
CREATE TABLE overrides (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  rule TEXT NOT NULL,
  client TEXT NOT NULL,
  subject TEXT,
  reason TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  at INTEGER NOT NULL,
  until INTEGER NOT NULL,
  approved_by TEXT,
  approved_at INTEGER,
  ended_at INTEGER,
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE populations (
  tenant TEXT NOT NULL,
  word TEXT NOT NULL,
  counted INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (tenant, word)
) STRICT, WITHOUT ROWID;

-- One row per resource that is watched, by keyed hash.
CREATE TABLE checks (
  key BLOB PRIMARY KEY,
  entry TEXT NOT NULL,
  at INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  target TEXT NOT NULL,
  route TEXT NOT NULL,
  resource_type TEXT NOT NULL,
  state TEXT NOT NULL,
  round INTEGER NOT NULL,
  -- When it is looked at next; of a claimed one the end of its lease.
  due_at INTEGER NOT NULL,
  drifted_at INTEGER,
  paths TEXT NOT NULL,
  version INTEGER NOT NULL,
  sealed BLOB NOT NULL
) STRICT;
CREATE INDEX checks_due ON checks (state, due_at);

-- What was used of grants, by day (UTC, since the epoch). `attributes` is a JSON list of names, sorted.
CREATE TABLE uses (
  day INTEGER NOT NULL,
  route TEXT NOT NULL,
  client TEXT NOT NULL,
  rule TEXT NOT NULL,
  action TEXT NOT NULL,
  verdict TEXT NOT NULL,
  count INTEGER NOT NULL,
  attributes TEXT NOT NULL,
  PRIMARY KEY (day, route, client, rule, action, verdict)
) STRICT, WITHOUT ROWID;
