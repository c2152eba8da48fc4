-- What batches start from, and what exactly people decided about a reference.
ALTER TABLE batch ADD COLUMN starting_material text  -- null: nobody has stated it
    CHECK (starting_material IN ('patient', 'healthy_donor', 'cell_bank'));
GRANT UPDATE (starting_material) ON batch TO batchwitness_ingest, batchwitness_api;
GRANT SELECT (starting_material) ON batch TO batchwitness_readonly;

-- What somebody put right about it; what it was before stays here.
ALTER TABLE correction DROP CONSTRAINT correction_kind_check;
ALTER TABLE correction ADD CONSTRAINT correction_kind_check
    CHECK (kind IN ('readings', 'intervals', 'starting_material'));
CREATE TABLE starting_material_revision (
    correction_id bigint PRIMARY KEY REFERENCES correction,
    batch_id integer NOT NULL REFERENCES batch,
    old_material text,
    new_material text NOT NULL
);
CREATE INDEX starting_material_revision_batch ON starting_material_revision (batch_id);
GRANT INSERT ON starting_material_revision TO batchwitness_api;
GRANT SELECT ON starting_material_revision TO batchwitness_readonly, batchwitness_retain;

-- What was stated is changed by a correction or not at all, whoever asks for it.
CREATE FUNCTION starting_material_corrected() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.starting_material IS DISTINCT FROM (
        SELECT new_material FROM starting_material_revision
        WHERE batch_id = NEW.batch_id ORDER BY correction_id DESC LIMIT 1
    ) THEN
        RAISE EXCEPTION 'the starting material of batch % is changed without a correction', NEW.name
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER starting_material_corrected AFTER UPDATE OF starting_material ON batch
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.starting_material IS NOT NULL AND NEW.starting_material IS DISTINCT FROM OLD.starting_material)
    EXECUTE FUNCTION starting_material_corrected();

ALTER TABLE reference_batch
    ADD COLUMN starting_material text  -- as it was stated when the reference was drafted
        CHECK (starting_material IN ('patient', 'healthy_donor', 'cell_bank')),
    ADD COLUMN unit_procedure_id integer REFERENCES unit_procedure;  -- what was learned from; null: the batch's only one

-- Where a process runs a batch in several units in turn, each kind of unit has a reference of its own.
ALTER TABLE reference ADD COLUMN unit_kind text;  -- whose unit procedures it judges; null: those of all
DROP INDEX reference_in_use;
CREATE UNIQUE INDEX reference_in_use ON reference (process_version_id, role, coalesce(unit_kind, ''))
    WHERE state = 'in_use';

-- A decision is about a digest and about bytes: whoever puts a reference to use gets what was approved, or a refusal.
ALTER TABLE reference_decision ADD COLUMN digest bytea, ADD COLUMN model_sha256 bytea;
UPDATE reference_decision SET digest = reference.digest, model_sha256 = sha256(reference.model)
FROM reference WHERE reference.reference_id = reference_decision.reference_id;
ALTER TABLE reference_decision ALTER COLUMN digest SET NOT NULL, ALTER COLUMN model_sha256 SET NOT NULL;
