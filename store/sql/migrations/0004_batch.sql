-- Batches and the intervals in which they occupy equipment.
CREATE TABLE batch (
    batch_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    process_version_id integer NOT NULL REFERENCES process_version,
    donor text,              -- pseudonym
    chain_of_identity text,  -- pseudonym
    required_by timestamptz,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'completed', 'terminated')),
    end_reason text,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE unit_procedure (
    unit_procedure_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id integer NOT NULL REFERENCES batch,
    unit_id integer NOT NULL REFERENCES unit,
    position_id integer NOT NULL REFERENCES position,
    during tstzrange NOT NULL CHECK (NOT isempty(during) AND lower(during) IS NOT NULL),
    end_inferred boolean NOT NULL DEFAULT false,  -- closed by the next start, not by anybody's word
    -- Two neighbours may be corrected in one transaction; everything else is judged at once.
    CONSTRAINT unit_procedure_apart EXCLUDE USING gist (position_id WITH =, during WITH &&) DEFERRABLE
);
CREATE INDEX unit_procedure_batch ON unit_procedure (batch_id);
CREATE TABLE phase (
    phase_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit_procedure_id integer NOT NULL REFERENCES unit_procedure,
    name text NOT NULL,
    during tstzrange NOT NULL CHECK (NOT isempty(during) AND lower(during) IS NOT NULL),
    CONSTRAINT phase_apart EXCLUDE USING gist (unit_procedure_id WITH =, during WITH &&) DEFERRABLE
);
-- What a person put right: one act, with everything it changed in reading_revision or interval_revision.
CREATE TABLE correction (
    correction_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('readings', 'intervals')),
    sentence text NOT NULL,  -- what was done, for people
    actor text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    known_at timestamptz NOT NULL UNIQUE,
    chain_id smallint NOT NULL,  -- the control entry by which analytics learns of it, in the recorded order
    block_seq bigint NOT NULL,
    UNIQUE (chain_id, block_seq)
);
-- Every value an interval ever had; the intervals themselves hold the newest.
CREATE TABLE interval_revision (
    interval_revision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit_procedure_id integer REFERENCES unit_procedure,
    phase_id integer REFERENCES phase,
    old_during tstzrange,
    new_during tstzrange NOT NULL,
    old_batch_id integer REFERENCES batch,  -- of a unit procedure
    new_batch_id integer REFERENCES batch,
    actor text NOT NULL,   -- 'ingest' for what an event said
    reason text NOT NULL,
    known_at timestamptz NOT NULL,  -- that of the correction; for an event the clock when it was applied
    correction_id bigint REFERENCES correction,
    CHECK (num_nonnulls(unit_procedure_id, phase_id) = 1),
    CHECK ((unit_procedure_id IS NULL) = (new_batch_id IS NULL))
);
CREATE INDEX interval_revision_unit_procedure ON interval_revision (unit_procedure_id, interval_revision_id);
CREATE INDEX interval_revision_phase ON interval_revision (phase_id, interval_revision_id);
CREATE INDEX interval_revision_correction ON interval_revision (correction_id);

-- Who corrects says so in batchwitness.correction, in the same transaction; else it was an event.
CREATE FUNCTION record_interval_revision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    made correction;
    is_unit_procedure CONSTANT boolean := TG_TABLE_NAME = 'unit_procedure';
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.during = OLD.during
        AND to_jsonb(NEW) -> 'batch_id' IS NOT DISTINCT FROM to_jsonb(OLD) -> 'batch_id' THEN
        RETURN NULL;
    END IF;
    SELECT * INTO made FROM correction
    WHERE correction.correction_id = nullif(current_setting('batchwitness.correction', true), '')::bigint;
    INSERT INTO interval_revision (unit_procedure_id, phase_id, old_during, new_during, old_batch_id, new_batch_id,
        actor, reason, known_at, correction_id)
    VALUES (
        CASE WHEN is_unit_procedure THEN NEW.unit_procedure_id END,
        CASE WHEN NOT is_unit_procedure THEN (to_jsonb(NEW) ->> 'phase_id')::integer END,
        CASE TG_OP WHEN 'UPDATE' THEN OLD.during END,
        NEW.during,
        CASE TG_OP WHEN 'UPDATE' THEN (to_jsonb(OLD) ->> 'batch_id')::integer END,
        (to_jsonb(NEW) ->> 'batch_id')::integer,
        coalesce(made.actor, 'ingest'),
        coalesce(made.reason, 'event'),
        coalesce(made.known_at, clock_timestamp()),
        made.correction_id
    );
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION record_interval_revision() FROM PUBLIC;
CREATE TRIGGER unit_procedure_revised AFTER INSERT OR UPDATE ON unit_procedure
    FOR EACH ROW EXECUTE FUNCTION record_interval_revision();
CREATE TRIGGER phase_revised AFTER INSERT OR UPDATE ON phase
    FOR EACH ROW EXECUTE FUNCTION record_interval_revision();

GRANT INSERT, UPDATE (status, end_reason) ON batch TO batchwitness_ingest;
GRANT INSERT, UPDATE (during, end_inferred) ON unit_procedure TO batchwitness_ingest;
GRANT INSERT, UPDATE (during) ON phase TO batchwitness_ingest;
GRANT INSERT ON correction TO batchwitness_api;
GRANT UPDATE (during, end_inferred, batch_id) ON unit_procedure TO batchwitness_api;
GRANT UPDATE (during) ON phase TO batchwitness_api;
