-- What a person accepted as lost: records that checkpoints held elsewhere know and this store does not.
CREATE TABLE losses (
  number INTEGER PRIMARY KEY,
  accepted_at INTEGER NOT NULL,
  accepted_by TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;
