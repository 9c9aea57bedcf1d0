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

-- Places of a window that are not given back, summed by slices of 15 s and chain; triggers keep them equal to
-- the rows they sum, which change in nothing but whether they are given back. A sum belongs to one chain,
-- so no two gateways wait for each other. Whoever writes places by hand finds the sums, too.
CREATE TABLE place_sums (
  key bytea NOT NULL,
  slice bigint NOT NULL,
  writer text COLLATE "C" NOT NULL,
  amount bigint NOT NULL,
  until bigint NOT NULL,
  PRIMARY KEY (key, slice, writer)
) WITH (fillfactor = 50);
CREATE INDEX place_sums_by_end ON place_sums (until);

CREATE FUNCTION sum_taken_places() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO place_sums AS kept (key, slice, writer, amount, until)
    SELECT key, at / 15000, writer, coalesce(sum(amount) FILTER (WHERE NOT given_back), 0), max(until)
    FROM taken GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (key, slice, writer) DO UPDATE
      SET amount = kept.amount + excluded.amount, until = greatest(kept.until, excluded.until);
  RETURN NULL;
END $$;
CREATE TRIGGER sum_taken AFTER INSERT ON places REFERENCING NEW TABLE AS taken
  FOR EACH STATEMENT EXECUTE FUNCTION sum_taken_places();

CREATE FUNCTION sum_turned_place() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE place_sums
    SET amount = amount + CASE WHEN NEW.given_back THEN -NEW.amount ELSE NEW.amount END
    WHERE key = NEW.key AND slice = NEW.at / 15000 AND writer = NEW.writer;
  RETURN NULL;
END $$;
CREATE TRIGGER sum_turned AFTER UPDATE ON places FOR EACH ROW
  WHEN (OLD.given_back <> NEW.given_back) EXECUTE FUNCTION sum_turned_place();

-- What windows hold, once nobody else can take places in them before this transaction ends. A function
-- of its own, since only a statement that begins after the locks were had sees what was taken before
-- them. `locks` ascend; what the entries `gone` took counts no more. The first slice is counted place by
-- place, the rest by its sums.
CREATE FUNCTION window_uses(
  class integer, locks integer[], keys bytea[], froms bigint[], rooms bigint[],
  gone_writers text[], gone_sequences bigint[])
RETURNS TABLE (ask bigint, room bigint, used bigint, oldest bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  PERFORM pg_advisory_xact_lock(class, l.number) FROM unnest(locks) l(number);
  RETURN QUERY
    SELECT a.ask, a.room, (first.amount + rest.amount - gone.amount)::bigint, held.oldest
    FROM unnest(keys, froms, rooms) WITH ORDINALITY a(key, start, room, ask)
    CROSS JOIN LATERAL (SELECT coalesce(sum(p.amount), 0) AS amount
      FROM places p WHERE p.key = a.key AND p.at > a.start AND NOT p.given_back
        AND p.at < (a.start / 15000 + 1) * 15000) AS first
    CROSS JOIN LATERAL (SELECT coalesce(sum(s.amount), 0) AS amount
      FROM place_sums s WHERE s.key = a.key AND s.slice > a.start / 15000) AS rest
    CROSS JOIN LATERAL (SELECT coalesce(sum(p.amount), 0) AS amount
      FROM unnest(gone_writers, gone_sequences) g(writer, sequence)
      JOIN places p ON p.writer = g.writer AND p.sequence = g.sequence
      WHERE p.key = a.key AND p.at > a.start AND NOT p.given_back) gone
    LEFT JOIN LATERAL (SELECT p.at AS oldest FROM places p
      WHERE first.amount + rest.amount - gone.amount > a.room
        AND p.key = a.key AND p.at > a.start AND NOT p.given_back
      ORDER BY p.at LIMIT 1) held ON true;
END $$;
