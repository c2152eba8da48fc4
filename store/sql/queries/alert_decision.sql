-- lock: One decision about an alert at a time, until its transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('alert:' || %(alert_id)s::text, 0));

-- state: Where an alert stands, and as which version.
SELECT state, version FROM alert_now WHERE alert_id = %(alert_id)s;

-- decide: Keep a decision together with its audit event.
INSERT INTO alert_decision (alert_id, version, state, actor, comment, impact, cause, known_at)
VALUES (
    %(alert_id)s, %(version)s, %(state)s, %(actor)s, %(comment)s, %(impact)s::text, %(cause)s::text,
    append_audit(
        %(actor)s, 'alert_' || %(state)s, 'alert:' || %(alert_id)s::bigint::text,
        jsonb_build_object('state', %(before)s::text),
        jsonb_strip_nulls(jsonb_build_object(
            'state', %(state)s::text, 'version', %(version)s::integer,
            'impact', %(impact)s::text, 'cause', %(cause)s::text
        )), %(comment)s
    )
)
RETURNING known_at;
