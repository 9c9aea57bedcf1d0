-- One chain per writer. Records are numbered from 1; a batch is keyed by its chain and its first
-- record's number. Writers are compared byte by byte on every server.

-- The head of a chain is a row: appending is one statement that moves it. Half-full pages, and no
-- index on what moves, keep that update within its page.
CREATE TABLE writers (
  writer text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  version text NOT NULL,
  state text NOT NULL CHECK (state IN ('live', 'released', 'closed')),
  -- Grows whenever somebody takes the chain, closes it or asks for its head: an append under an
  -- older one comes too late. `claim` is the epoch of the claim in force.
  epoch bigint NOT NULL,
  claim bigint NOT NULL,
  -- Times of the server, ms.
  started_at bigint NOT NULL,
  lease_until bigint NOT NULL,
  lease_ms bigint NOT NULL,
  next bigint NOT NULL,
  digest bytea,
  newest_at bigint,
  -- Retention removed every record before `first`; `anchor` is the chain value before it.
  first bigint NOT NULL,
  anchor bytea
) WITH (fillfactor = 50);

CREATE TABLE batches (
  writer text COLLATE "C" NOT NULL,
  first bigint NOT NULL,
  count integer NOT NULL,
  at_first bigint NOT NULL,
  at_last bigint NOT NULL,
  digest bytea NOT NULL,
  records bytea NOT NULL,
  -- The look-ups as they came, to find their rows again when the batch goes.
  lookups bytea NOT NULL,
  PRIMARY KEY (writer, first)
);
CREATE INDEX batches_by_time ON batches (writer, at_last, first);
-- Sealed bytes do not compress.
ALTER TABLE batches ALTER COLUMN records SET STORAGE EXTERNAL,
  ALTER COLUMN lookups SET STORAGE EXTERNAL;

-- Apart from the batch, so that pruning deletes and never rewrites.
CREATE TABLE bodies (
  writer text COLLATE "C" NOT NULL,
  first bigint NOT NULL,
  at_last bigint NOT NULL,
  sealed bytea NOT NULL,
  PRIMARY KEY (writer, first)
);
CREATE INDEX bodies_by_time ON bodies (at_last);
ALTER TABLE bodies ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Everything from here to `lookups` is derivable from the records.
CREATE TABLE entries (
  writer text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  at bigint NOT NULL,
  client text NOT NULL,
  route text NOT NULL,
  target text NOT NULL,
  actions text NOT NULL,
  decision text NOT NULL,
  PRIMARY KEY (writer, sequence)
);
CREATE INDEX entries_by_time ON entries (at, writer, sequence);

-- Allowed intents without a final outcome, and the writer that answers for them.
CREATE TABLE open_entries (
  writer text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  owner text COLLATE "C" NOT NULL,
  PRIMARY KEY (writer, sequence)
);
CREATE INDEX open_entries_by_owner ON open_entries (owner, writer, sequence);

-- Of several outcomes of one entry the one with the highest number counts.
CREATE TABLE outcomes (
  entry_writer text COLLATE "C" NOT NULL,
  entry_sequence bigint NOT NULL,
  number bigint GENERATED ALWAYS AS IDENTITY,
  writer text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  outcome text NOT NULL,
  settled_by text NOT NULL,
  status integer,
  PRIMARY KEY (entry_writer, entry_sequence, number)
);

-- Keyed look-ups: 16 bytes key; 4 bytes writer and 6 bytes sequence of the entry found.
CREATE TABLE lookups (key bytea NOT NULL, entry bytea NOT NULL);
CREATE INDEX lookups_by_key ON lookups (key, entry);

CREATE TABLE checkpoints (
  writer text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  at bigint NOT NULL,
  note text NOT NULL,
  PRIMARY KEY (writer, size)
);

-- Signed notes over all chains, numbered from 1 without gaps.
CREATE TABLE joints (number bigint PRIMARY KEY, at bigint NOT NULL, note text NOT NULL);

-- Lines of gateways that take turns at one resource, by SHA-256 of its key; the first has its turn.
CREATE TABLE turns (key bytea PRIMARY KEY, line text[] COLLATE "C" NOT NULL) WITH (fillfactor = 50);

CREATE TABLE keys (
  id text COLLATE "C" PRIMARY KEY,
  kind text NOT NULL,
  holder text NOT NULL,
  environment text NOT NULL,
  hash bytea NOT NULL,
  issued_at bigint NOT NULL,
  issued_by text NOT NULL,
  expires_at bigint NOT NULL,
  revoked_at bigint,
  last_used_at bigint
);
CREATE INDEX keys_by_holder ON keys (kind, holder);

CREATE TABLE last_good (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version text NOT NULL,
  at bigint NOT NULL,
  sealed bytea NOT NULL
);

CREATE TABLE freezes (
  scope text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  frozen_by text NOT NULL,
  frozen_at bigint NOT NULL,
  PRIMARY KEY (scope, name)
);

-- How often each topic of the feed changed: the net under its notifications.
CREATE TABLE news (topic text PRIMARY KEY, number bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO news VALUES ('keys', 0), ('freezes', 0), ('losses', 0);
