-- Webhooks, what recognises their repeats, and the deliveries they owe. What names somebody is sealed
-- or a keyed hash.
CREATE TABLE events (
  id text COLLATE "C" PRIMARY KEY,
  route text NOT NULL,
  at bigint NOT NULL,
  sender text NOT NULL,
  key_id text NOT NULL,
  trace_id text NOT NULL,
  span_id text NOT NULL,
  config_version text NOT NULL,
  items integer NOT NULL,
  bytes integer NOT NULL,
  -- False once its bytes were pruned.
  kept boolean NOT NULL
);
CREATE INDEX events_bare ON events (at) WHERE NOT kept;

-- Apart from the event, so that pruning deletes and never rewrites.
CREATE TABLE event_bodies (
  event text COLLATE "C" PRIMARY KEY,
  at bigint NOT NULL,
  sealed bytea NOT NULL
);
CREATE INDEX event_bodies_by_time ON event_bodies (at);
ALTER TABLE event_bodies ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE TABLE marks (
  mark bytea PRIMARY KEY,
  event text COLLATE "C" NOT NULL,
  until bigint NOT NULL
);
CREATE INDEX marks_by_end ON marks (until);

-- States: 0 scheduled, 1 ready, 2 waiting; the ends: 3 delivered, 4 skipped, 5 superseded,
-- 6 cancelled, 7 discarded, 8 dead. Who heads its line is a state, so that nothing has to look for heads.
CREATE SEQUENCE deliveries_place;
CREATE TABLE deliveries (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event text COLLATE "C" NOT NULL,
  item integer NOT NULL,
  name text COLLATE "C" NOT NULL,
  route text NOT NULL,
  lane text COLLATE "C" NOT NULL,
  line bytea NOT NULL,
  subject bytea NOT NULL,
  kind text NOT NULL,
  observed_at bigint NOT NULL,
  -- Receipt of the event.
  at bigint NOT NULL,
  -- When it is due; of a claimed one about the end of its lease, of an ended one its end.
  due_at bigint NOT NULL,
  state smallint NOT NULL,
  -- Order of those that wait in a line.
  place bigint NOT NULL,
  attempt integer NOT NULL,
  -- Grows with each claim and each act of a person; `lease_until`, a time of the server, is null while
  -- nobody claims it; `holder` is the chain of the gateway that claimed it last.
  token bigint NOT NULL,
  lease_until bigint,
  holder text,
  reason text,
  gap_after text,
  replayed boolean NOT NULL
) WITH (fillfactor = 80);
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
  line bytea PRIMARY KEY,
  delivery text NOT NULL,
  at bigint NOT NULL
);
CREATE INDEX gaps_by_time ON gaps (at);

CREATE TABLE attempts (
  delivery bigint NOT NULL,
  ordinal bigint NOT NULL,
  at bigint NOT NULL,
  ms bigint NOT NULL,
  status integer,
  reason text,
  detail text,
  span_id text NOT NULL,
  ledger_ids jsonb NOT NULL,
  PRIMARY KEY (delivery, ordinal)
);

CREATE TABLE sources (
  route text COLLATE "C" PRIMARY KEY,
  last_at bigint NOT NULL,
  sequence bigint
) WITH (fillfactor = 50);
