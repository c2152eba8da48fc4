-- The roles of the stages. They can log in only once somebody gives them a password; each may do only what its stage does.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'batchwitness_ingest',     -- appends readings, events, results, quarantine and the journal
        'batchwitness_analytics',  -- reads the journal, writes monitors, alerts and overviews
        'batchwitness_api',        -- reads everything people may see, writes what people decide
        'batchwitness_readonly',   -- Grafana and export
        'batchwitness_retain'      -- the only one that may ever drop data
    ]
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the whole server; another database may have brought them
        END;
    END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO
    batchwitness_ingest, batchwitness_analytics, batchwitness_api, batchwitness_readonly, batchwitness_retain;

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- From here on a new table can be read by the stages unless its migration says otherwise.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO
    batchwitness_ingest, batchwitness_analytics, batchwitness_api;
