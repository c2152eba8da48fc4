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
    EXCLUDE USING gist (position_id WITH =, during WITH &&)
);
CREATE INDEX unit_procedure_batch ON unit_procedure (batch_id);
CREATE TABLE phase (
    phase_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit_procedure_id integer NOT NULL REFERENCES unit_procedure,
    name text NOT NULL,
    during tstzrange NOT NULL CHECK (NOT isempty(during) AND lower(during) IS NOT NULL),
    EXCLUDE USING gist (unit_procedure_id WITH =, during WITH &&)
);
-- Every value an interval ever had; the intervals themselves hold the newest.
CREATE TABLE interval_revision (
    interval_revision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit_procedure_id integer REFERENCES unit_procedure,
    phase_id integer REFERENCES phase,
    old_during tstzrange,
    new_during tstzrange NOT NULL,
    reason text NOT NULL,
    revised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (num_nonnulls(unit_procedure_id, phase_id) = 1)
);

CREATE FUNCTION record_interval_revision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.during = OLD.during THEN
        RETURN NULL;
    END IF;
    INSERT INTO interval_revision (unit_procedure_id, phase_id, old_during, new_during, reason)
    VALUES (
        CASE TG_TABLE_NAME WHEN 'unit_procedure' THEN NEW.unit_procedure_id END,
        CASE TG_TABLE_NAME WHEN 'phase' THEN (to_jsonb(NEW) ->> 'phase_id')::integer END,
        CASE TG_OP WHEN 'UPDATE' THEN OLD.during END,
        NEW.during,
        coalesce(current_setting('batchwitness.reason', true), 'event')
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
