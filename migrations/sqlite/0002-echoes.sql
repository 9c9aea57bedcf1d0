-- Values as a client sent them beside the normalised form its target holds (row C14): keyed
-- fingerprints and sealed text only.
CREATE TABLE echoes (
  key BLOB PRIMARY KEY,
  at INTEGER NOT NULL,
  sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX echoes_by_time ON echoes (at);
