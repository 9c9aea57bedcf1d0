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

-- Places that intents took in windows, by the first half of SHA-256 of the window's key. One of an
-- intent that was not sent or rejected is given back; from `until` on nobody counts it.
CREATE TABLE places (
  key bytea NOT NULL,
  at bigint NOT NULL,
  writer text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  amount bigint NOT NULL,
  until bigint NOT NULL,
  given_back boolean NOT NULL,
  PRIMARY KEY (key, at, writer, sequence)
) WITH (fillfactor = 90);
CREATE INDEX places_by_entry ON places (writer, sequence);
CREATE INDEX places_by_end ON places (until);

-- What windows hold, once nobody else can take places in them before this transaction ends. A function
-- of its own, since only a statement that begins after the locks were had sees what was taken before
-- them. `locks` ascend; what the entries `gone` took counts no more.
CREATE FUNCTION window_uses(
  class integer, locks integer[], keys bytea[], froms bigint[], rooms bigint[],
  gone_writers text[], gone_sequences bigint[])
RETURNS TABLE (ask bigint, room bigint, used bigint, oldest bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  PERFORM pg_advisory_xact_lock(class, l.number) FROM unnest(locks) l(number);
  RETURN QUERY
    SELECT a.ask, a.room, held.amount - gone.amount, held.oldest
    FROM unnest(keys, froms, rooms) WITH ORDINALITY a(key, start, room, ask)
    CROSS JOIN LATERAL (SELECT coalesce(sum(p.amount), 0)::bigint AS amount, min(p.at) AS oldest
      FROM places p WHERE p.key = a.key AND p.at > a.start AND NOT p.given_back) held
    CROSS JOIN LATERAL (SELECT coalesce(sum(p.amount), 0)::bigint AS amount
      FROM unnest(gone_writers, gone_sequences) g(writer, sequence)
      JOIN places p ON p.writer = g.writer AND p.sequence = g.sequence
      WHERE p.key = a.key AND p.at > a.start AND NOT p.given_back) gone;
END $$;
