-- lock: One runner at a time, until its connection ends.
SELECT pg_advisory_lock(%(lock)s);

-- create_table: Where applied migrations are remembered.
CREATE TABLE IF NOT EXISTS schema_migration (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- applied: What was applied, with the checksum of the file as it was then.
SELECT version, checksum FROM schema_migration ORDER BY version;

-- record: Remember an applied migration.
INSERT INTO schema_migration (version, name, checksum) VALUES (%(version)s, %(name)s, %(checksum)s);
