-- Wrong passwords, counted by name until the right one comes; too many lock the name for a while.
CREATE TABLE login_failure (
    name text PRIMARY KEY,  -- '' counts the names nobody has
    failures integer NOT NULL CHECK (failures >= 0),
    last_failure timestamptz NOT NULL,
    locked_until timestamptz
);
REVOKE SELECT ON login_failure FROM batchwitness_ingest, batchwitness_analytics;
GRANT INSERT, UPDATE (failures, last_failure, locked_until) ON login_failure TO batchwitness_api;
