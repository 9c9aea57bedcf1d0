-- Webhooks, what recognises their repeats, and the deliveries they owe. What names somebody is sealed
-- or a keyed hash.
CREATE TABLE events (
  id TEXT PRIMARY KEY,
  route TEXT NOT NULL,
  at INTEGER NOT NULL,
  sender TEXT NOT NULL,
  key_id TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  span_id TEXT NOT NULL,
  config_version TEXT NOT NULL,
  items INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  -- 0 once its bytes were pruned.
  kept INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX events_bare ON events (at) WHERE kept = 0;

-- Apart from the event, so that pruning deletes and never rewrites.
CREATE TABLE event_bodies (
  event TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  sealed BLOB NOT NULL
) STRICT;
CREATE INDEX event_bodies_by_time ON event_bodies (at);

CREATE TABLE marks (
  mark BLOB PRIMARY KEY,
  event TEXT NOT NULL,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_by_end ON marks (until);

-- States: 0 scheduled, 1 ready, 2 waiting; the ends: 3 delivered, 4 skipped, 5 superseded,
-- 6 cancelled, 7 discarded, 8 dead. Who heads its line is a state, so that nothing has to look for heads.
CREATE TABLE deliveries (
  number INTEGER PRIMARY KEY,
  event TEXT NOT NULL,
  item INTEGER NOT NULL,
  name TEXT NOT NULL,
  route TEXT NOT NULL,
  lane TEXT NOT NULL,
  line BLOB NOT NULL,
  subject BLOB NOT NULL,
  kind TEXT NOT NULL,
  observed_at INTEGER NOT NULL,
  -- Receipt of the event.
  at INTEGER NOT NULL,
  -- When it is due; of a claimed one the end of its lease, of an ended one its end.
  due_at INTEGER NOT NULL,
  state INTEGER NOT NULL,
  -- Order of those that wait in a line.
  place INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  -- Grows with each claim and each act of a person; `lease_until` is null while nobody claims it.
  token INTEGER NOT NULL,
  lease_until INTEGER,
  reason TEXT,
  gap_after TEXT,
  replayed INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX deliveries_by_key ON deliveries (event, item, name);
CREATE UNIQUE INDEX deliveries_heads ON deliveries (line) WHERE state = 1;
CREATE INDEX deliveries_behind ON deliveries (line, place) WHERE state = 2;
CREATE INDEX deliveries_due ON deliveries (lane, due_at) WHERE state = 1;
CREATE INDEX deliveries_pending ON deliveries (lane, at) WHERE state IN (1, 2);
CREATE INDEX deliveries_scheduled ON deliveries (due_at) WHERE state = 0;
CREATE INDEX deliveries_scheduled_by_line ON deliveries (line) WHERE state = 0;
CREATE INDEX deliveries_delivered ON deliveries (line, observed_at) WHERE state = 3;
CREATE INDEX deliveries_dead ON deliveries (lane, event, item, name) WHERE state = 8;
CREATE INDEX deliveries_ended ON deliveries (due_at) WHERE state >= 3;

-- Lines whose newest end was dead or discarded, with nothing delivered since.
CREATE TABLE gaps (
  line BLOB PRIMARY KEY,
  delivery TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gaps_by_time ON gaps (at);

CREATE TABLE attempts (
  delivery INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  at INTEGER NOT NULL,
  ms INTEGER NOT NULL,
  status INTEGER,
  reason TEXT,
  detail TEXT,
  span_id TEXT NOT NULL,
  ledger_ids TEXT NOT NULL,
  PRIMARY KEY (delivery, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE sources (
  route TEXT PRIMARY KEY,
  last_at INTEGER NOT NULL,
  sequence INTEGER
) STRICT, WITHOUT ROWID;
