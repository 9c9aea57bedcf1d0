-- Held mutations. What names somebody is sealed or a keyed hash; one open hold for each `join_key`.
CREATE TABLE holds (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  target TEXT NOT NULL,
  route TEXT NOT NULL,
  client TEXT NOT NULL,
  actions TEXT NOT NULL,
  resource_type TEXT NOT NULL,
  rule TEXT NOT NULL,
  batch TEXT NOT NULL,
  join_key BLOB NOT NULL,
  mutation BLOB NOT NULL,
  calls INTEGER NOT NULL,
  by_count INTEGER NOT NULL,
  entry TEXT,
  sealed BLOB NOT NULL
) STRICT;
CREATE INDEX holds_by_state ON holds (state, changed_at);
CREATE INDEX holds_by_client ON holds (client, state);
CREATE UNIQUE INDEX holds_open ON holds (join_key) WHERE state IN ('pending', 'approved');
CREATE INDEX holds_by_batch ON holds (batch, id);
CREATE INDEX holds_by_join ON holds (join_key, changed_at);

-- Places that intents took in windows, by the first half of SHA-256 of the window's key. One of an
-- intent that was not sent or rejected is given back; from `until` on nobody counts it. No other index: each
-- would cost a place as much again. Within a key the oldest ends first, and whoever writes remembers the
-- places of entries that are open.
CREATE TABLE places (
  key BLOB NOT NULL,
  at INTEGER NOT NULL,
  writer TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  until INTEGER NOT NULL,
  given_back INTEGER NOT NULL,
  PRIMARY KEY (key, at, writer, sequence)
) STRICT, WITHOUT ROWID;

