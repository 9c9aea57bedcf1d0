-- Values as a client sent them beside the normalised form its target holds (row C14): keyed
-- fingerprints and sealed text only.
CREATE TABLE echoes (
  key bytea PRIMARY KEY,
  at bigint NOT NULL,
  sealed bytea NOT NULL
);
CREATE INDEX echoes_by_time ON echoes (at);
ALTER TABLE echoes ALTER COLUMN sealed SET STORAGE EXTERNAL;
