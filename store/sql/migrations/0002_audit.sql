-- The audit chain: who changed what, when and why. Rows come only from append_audit(), which gives known_at.
CREATE TABLE audit_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq bigint NOT NULL,
    known_at timestamptz NOT NULL,
    digest bytea NOT NULL
);
INSERT INTO audit_head (seq, known_at, digest) VALUES (0, '-infinity', sha256('batchwitness audit chain 1'::bytea));

CREATE TABLE audit_event (
    seq bigint PRIMARY KEY,
    known_at timestamptz NOT NULL UNIQUE,
    body text NOT NULL,  -- the exact JSON text that was hashed
    previous_digest bytea NOT NULL,
    digest bytea NOT NULL UNIQUE,
    actor text NOT NULL GENERATED ALWAYS AS ((body::jsonb) ->> 'actor') STORED,
    action text NOT NULL GENERATED ALWAYS AS ((body::jsonb) ->> 'action') STORED,
    subject text NOT NULL GENERATED ALWAYS AS ((body::jsonb) ->> 'subject') STORED,
    reason text NOT NULL GENERATED ALWAYS AS ((body::jsonb) ->> 'reason') STORED,
    CHECK (actor <> '' AND subject <> '' AND reason <> '')
);
CREATE INDEX audit_event_subject ON audit_event (subject, seq);

-- Append one event in the caller's transaction. The lock on audit_head makes known_at strictly increasing in commit
-- order: whoever comes second waits until the first has committed or gone.
CREATE FUNCTION append_audit(
    p_actor text, p_action text, p_subject text, p_old jsonb, p_new jsonb, p_reason text
) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    head audit_head;
    next_known_at timestamptz;
    next_body text;
    next_digest bytea;
BEGIN
    SELECT * INTO STRICT head FROM audit_head FOR UPDATE;
    next_known_at := greatest(clock_timestamp(), head.known_at + interval '1 microsecond');
    next_body := jsonb_build_object(
        'seq', head.seq + 1,
        'known_at', to_char(next_known_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'database_role', session_user,
        'actor', p_actor, 'action', p_action, 'subject', p_subject,
        'old', p_old, 'new', p_new, 'reason', p_reason
    )::text;
    next_digest := sha256(head.digest || convert_to(next_body, 'UTF8'));
    INSERT INTO audit_event (seq, known_at, body, previous_digest, digest)
    VALUES (head.seq + 1, next_known_at, next_body, head.digest, next_digest);
    UPDATE audit_head SET seq = head.seq + 1, known_at = next_known_at, digest = next_digest;
    RETURN next_known_at;
END
$$;
-- A new function belongs to everybody until somebody says otherwise.
REVOKE EXECUTE ON FUNCTION append_audit(text, text, text, jsonb, jsonb, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_audit(text, text, text, jsonb, jsonb, text) TO
    batchwitness_ingest, batchwitness_analytics, batchwitness_api, batchwitness_retain;

-- People and machines that may act.
CREATE TABLE actor (
    actor_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),  -- never reassigned
    kind text NOT NULL CHECK (kind IN ('person', 'machine')),
    printed_name text NOT NULL,
    roles text[] NOT NULL CHECK (roles <@ ARRAY['viewer', 'operator', 'msat', 'qa', 'admin', 'identity', 'floor']),
    password_hash text,  -- argon2id; people only
    active boolean NOT NULL DEFAULT true,
    known_at timestamptz NOT NULL
);
CREATE TABLE token (
    token_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor_id integer NOT NULL REFERENCES actor,
    digest bytea NOT NULL UNIQUE,  -- SHA-256 of the token; the token itself is shown once and kept nowhere
    scope text NOT NULL CHECK (scope IN ('floor', 'review', 'results')),
    expires timestamptz NOT NULL,
    revoked_at timestamptz,
    known_at timestamptz NOT NULL
);
CREATE TABLE login_session (
    digest bytea PRIMARY KEY,
    actor_id integer NOT NULL REFERENCES actor,
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires timestamptz NOT NULL,
    ended_at timestamptz
);
REVOKE SELECT ON actor, token, login_session FROM batchwitness_ingest, batchwitness_analytics;
GRANT INSERT ON actor, token, login_session TO batchwitness_api;
GRANT UPDATE (password_hash, active) ON actor TO batchwitness_api;
GRANT UPDATE (revoked_at) ON token TO batchwitness_api;
GRANT UPDATE (last_used, ended_at) ON login_session TO batchwitness_api;
