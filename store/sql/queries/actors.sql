-- add: Add a person or a machine together with its audit event.
INSERT INTO actor (name, kind, printed_name, roles, password_hash, known_at)
VALUES (
    %(name)s, %(kind)s, %(printed_name)s, %(roles)s, %(password_hash)s,
    append_audit(%(by)s, 'actor_added', 'actor:' || %(name)s, NULL, %(new)s, %(reason)s)
)
RETURNING actor_id;

-- by_name: One actor with the hash of its password.
SELECT actor_id, name, printed_name, kind, roles, password_hash, active FROM actor WHERE name = %(name)s;

-- set_password: Replace a person's password together with the audit event; the event holds no password.
WITH changed AS (
    UPDATE actor SET password_hash = %(password_hash)s
    WHERE name = %(name)s AND kind = 'person' AND active
    RETURNING actor_id, name
), ended AS (
    UPDATE login_session SET ended_at = clock_timestamp()
    FROM changed
    WHERE login_session.actor_id = changed.actor_id AND ended_at IS NULL
), unlocked AS (
    UPDATE login_failure SET failures = 0, locked_until = NULL FROM changed WHERE login_failure.name = changed.name
)
SELECT append_audit(%(by)s, 'password_set', 'actor:' || name, NULL, NULL, %(reason)s) FROM changed;

-- deactivate: Shut an actor out, its tokens and sessions with it, together with the audit event.
WITH changed AS (
    UPDATE actor SET active = false WHERE name = %(name)s AND active RETURNING actor_id, name
), revoked AS (
    UPDATE token SET revoked_at = clock_timestamp()
    FROM changed
    WHERE token.actor_id = changed.actor_id AND revoked_at IS NULL
), ended AS (
    UPDATE login_session SET ended_at = clock_timestamp()
    FROM changed
    WHERE login_session.actor_id = changed.actor_id AND ended_at IS NULL
)
SELECT append_audit(
    %(by)s, 'actor_deactivated', 'actor:' || name, '{"active": true}', '{"active": false}', %(reason)s
)
FROM changed;

-- login_locked: Whether too many wrong passwords have locked a name; later attempts on it wait for this one.
SELECT coalesce(locked_until > clock_timestamp(), false) FROM login_failure WHERE name = %(name)s FOR UPDATE;

-- login_failed: Count a wrong password, lock the name when there were too many, together with the audit event.
WITH counted AS (
    INSERT INTO login_failure AS known (name, failures, last_failure)
    VALUES (%(name)s, 1, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET
        failures = CASE WHEN known.last_failure < clock_timestamp() - %(window)s THEN 1 ELSE known.failures + 1 END,
        last_failure = clock_timestamp(),
        locked_until = CASE
            WHEN known.last_failure >= clock_timestamp() - %(window)s AND known.failures + 1 >= %(allowed)s
            THEN clock_timestamp() + %(lock)s
        END
    RETURNING failures, locked_until
)
SELECT append_audit(
    'nobody', 'login_failed', 'actor:' || %(name)s, NULL,
    jsonb_build_object('failures', failures, 'locked_until', locked_until), %(reason)s
)
FROM counted;

-- login_succeeded: Forget the wrong passwords before the right one.
UPDATE login_failure SET failures = 0, locked_until = NULL WHERE name = %(name)s AND failures > 0;

-- issue_token: Store the digest of a machine's token together with the audit event.
INSERT INTO token (actor_id, digest, scope, expires, known_at)
SELECT actor_id, %(digest)s, %(scope)s, %(expires)s,
    append_audit(%(by)s, 'token_issued', 'actor:' || name, NULL, %(new)s, %(reason)s)
FROM actor
WHERE name = %(name)s AND kind = 'machine' AND active
RETURNING token_id;

-- revoke_token: Make a token useless from now on, together with the audit event.
WITH changed AS (
    UPDATE token SET revoked_at = clock_timestamp() FROM actor
    WHERE digest = %(digest)s AND revoked_at IS NULL AND actor.actor_id = token.actor_id
    RETURNING token_id, name
)
SELECT append_audit(
    %(by)s, 'token_revoked', 'actor:' || name, NULL, jsonb_build_object('token_id', token_id), %(reason)s
)
FROM changed;

-- of_token: The machine behind a token that is neither expired nor revoked.
SELECT actor_id, name, printed_name, kind, roles, scope
FROM token JOIN actor USING (actor_id)
WHERE digest = %(digest)s AND expires > clock_timestamp() AND revoked_at IS NULL AND active;

-- start_session: Remember a sign-in together with its audit event.
WITH opened AS (
    INSERT INTO login_session (digest, actor_id, expires)
    SELECT %(digest)s, actor_id, clock_timestamp() + %(lasting)s
    FROM actor
    WHERE actor_id = %(actor_id)s AND kind = 'person' AND active
    RETURNING expires
)
SELECT append_audit(
    %(name)s, 'session_started', 'actor:' || %(name)s, NULL, jsonb_build_object('expires', expires), 'sign-in'
)
FROM opened;

-- of_session: The person behind a session that has neither ended nor rested too long, and whether to note its use.
SELECT actor_id, name, printed_name, kind, roles, last_used < clock_timestamp() - %(note_after)s
FROM login_session JOIN actor USING (actor_id)
WHERE digest = %(digest)s AND ended_at IS NULL AND expires > clock_timestamp()
    AND last_used > clock_timestamp() - %(inactivity)s AND active;

-- session_used: Note that a session is in use.
UPDATE login_session SET last_used = clock_timestamp() WHERE digest = %(digest)s;

-- end_session: Sign out, together with the audit event.
WITH ended AS (
    UPDATE login_session SET ended_at = clock_timestamp() FROM actor
    WHERE digest = %(digest)s AND ended_at IS NULL AND actor.actor_id = login_session.actor_id
    RETURNING name
)
SELECT append_audit(name, 'session_ended', 'actor:' || name, NULL, NULL, 'sign-out') FROM ended;
