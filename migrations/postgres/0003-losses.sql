-- What a person accepted as lost: records that checkpoints held elsewhere know and this store does not.
CREATE TABLE losses (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  accepted_at bigint NOT NULL,
  accepted_by text NOT NULL,
  reason text NOT NULL
);
