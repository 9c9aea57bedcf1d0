-- One chain per file. Records are numbered from 1; a batch is keyed by its first record's number.

CREATE TABLE chain (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  writer TEXT NOT NULL,
  -- Retention removed every record before `first`; `anchor` is the chain value before it.
  first INTEGER NOT NULL,
  anchor BLOB,
  anchored_at INTEGER
) STRICT;

CREATE TABLE batches (
  first INTEGER PRIMARY KEY,
  count INTEGER NOT NULL,
  at_first INTEGER NOT NULL,
  at_last INTEGER NOT NULL,
  digest BLOB NOT NULL,
  records BLOB NOT NULL
) STRICT;
CREATE INDEX batches_by_time ON batches (at_last);

-- Apart from the batch, so that pruning deletes and never rewrites.
CREATE TABLE bodies (first INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;

-- Everything from here to `lookup_blocks` is derivable from the records.
CREATE TABLE names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE entries (
  sequence INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  client INTEGER NOT NULL,
  route INTEGER NOT NULL,
  target INTEGER NOT NULL,
  actions INTEGER NOT NULL,
  decision INTEGER NOT NULL
) STRICT;

-- Allowed intents without a final outcome.
CREATE TABLE open_entries (sequence INTEGER PRIMARY KEY) STRICT;

CREATE TABLE outcomes (
  entry INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  settled_by INTEGER NOT NULL,
  status INTEGER,
  PRIMARY KEY (entry, sequence)
) STRICT, WITHOUT ROWID;

-- Keyed look-ups: packed beside each batch first, then merged into runs of blocks sorted by key.
-- `first` is a block's first row, key and entry; blocks of a run that is not listed do not count.
CREATE TABLE fresh_lookups (first INTEGER PRIMARY KEY, packed BLOB NOT NULL) STRICT;
CREATE TABLE lookup_runs (run INTEGER PRIMARY KEY, last INTEGER NOT NULL) STRICT;
CREATE TABLE lookup_blocks (
  block INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  first BLOB NOT NULL,
  packed BLOB NOT NULL
) STRICT;
CREATE INDEX lookup_blocks_by_key ON lookup_blocks (run, first);

CREATE TABLE checkpoints (
  size INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  note TEXT NOT NULL
) STRICT;

CREATE TABLE keys (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  holder TEXT NOT NULL,
  environment TEXT NOT NULL,
  hash BLOB NOT NULL,
  issued_at INTEGER NOT NULL,
  issued_by TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  last_used_at INTEGER
) STRICT;
CREATE INDEX keys_by_holder ON keys (kind, holder);

CREATE TABLE last_good (
  number INTEGER PRIMARY KEY,
  version TEXT NOT NULL,
  at INTEGER NOT NULL,
  sealed BLOB NOT NULL
) STRICT;

CREATE TABLE freezes (
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  reason TEXT NOT NULL,
  frozen_by TEXT NOT NULL,
  frozen_at INTEGER NOT NULL,
  PRIMARY KEY (scope, name)
) STRICT;
