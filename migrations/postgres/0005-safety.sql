-- Held mutations. What names somebody is sealed or a keyed hash; one open hold for each `join_key`.
CREATE TABLE holds (
  id text COLLATE "C" PRIMARY KEY,
  state text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  at bigint NOT NULL,
  changed_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  target text COLLATE "C" NOT NULL,
  route text COLLATE "C" NOT NULL,
  client text COLLATE "C" NOT NULL,
  actions text COLLATE "C" NOT NULL,
  resource_type text COLLATE "C" NOT NULL,
  rule text COLLATE "C" NOT NULL,
  batch text COLLATE "C" NOT NULL,
  join_key bytea NOT NULL,
  mutation bytea NOT NULL,
  calls integer NOT NULL,
  by_count integer NOT NULL,
  entry text COLLATE "C",
  sealed bytea NOT NULL
);
CREATE INDEX holds_by_state ON holds (state, changed_at);
CREATE INDEX holds_by_client ON holds (client, state);
CREATE UNIQUE INDEX holds_open ON holds (join_key) WHERE state IN ('pending', 'approved');
CREATE INDEX holds_by_batch ON holds (batch, id);
CREATE INDEX holds_by_join ON holds (join_key, changed_at);
