-- The order in which alerts are told: whoever has read all of them up to a number misses nothing by asking for what is above it.
CREATE TABLE alert_told_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    told bigint NOT NULL
);
INSERT INTO alert_told_head (told) VALUES (0);
-- An alert that changes moves to the end. An alert that a revision raised is in it once the revision watches.
CREATE TABLE alert_told (
    alert_id bigint PRIMARY KEY REFERENCES alert,
    told bigint NOT NULL UNIQUE  -- grows in the order of commits; a number of alert_id does not
);
GRANT SELECT ON alert_told TO batchwitness_readonly, batchwitness_retain;
CREATE INDEX alert_same_as ON alert (same_as) WHERE same_as IS NOT NULL;

-- The lock on alert_told_head is held until the transaction has ended: whoever comes second waits until the first has
-- committed or gone, and takes a higher number. So that nobody waits for the work of a whole transaction, alerts are
-- told by deferred triggers, when everything else of it is done. These hold for every writer.
CREATE FUNCTION tell_alerts(p_alert_ids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    last_told bigint;
BEGIN
    IF cardinality(p_alert_ids) = 0 THEN
        RETURN;
    END IF;
    UPDATE alert_told_head SET told = told + cardinality(p_alert_ids) RETURNING told INTO STRICT last_told;
    INSERT INTO alert_told (alert_id, told)
    SELECT alert_id, last_told - cardinality(p_alert_ids) + place
    FROM unnest(p_alert_ids) WITH ORDINALITY AS given (alert_id, place)
    ON CONFLICT (alert_id) DO UPDATE SET told = excluded.told;
END
$$;
REVOKE EXECUTE ON FUNCTION tell_alerts(bigint[]) FROM PUBLIC;

SELECT tell_alerts(ARRAY(
    SELECT alert_id FROM alert LEFT JOIN monitor USING (monitor_id) WHERE monitor.beside IS NOT TRUE
    ORDER BY alert.committed_time, alert_id
));

-- As before; what one run has superseded stays so while the next one catches up.
CREATE OR REPLACE VIEW alert_now AS
SELECT alert.alert_id, alert.monitor_id, alert.batch_id, alert.unit_id, alert.ordinal, alert.kind,
    coalesce(newest.detector, alert.detector) AS detector, coalesce(newest.tags, alert.tags) AS tags,
    alert.raised_time, alert.onset_time, newest.ended_time, alert.phase_time_h,
    coalesce(newest.score, alert.score) AS score, coalesce(newest.limit_value, alert.limit_value) AS limit_value,
    coalesce(newest.sentence, alert.sentence) AS sentence,
    coalesce(newest.contributions, alert.contributions) AS contributions,
    coalesce(newest.cells, alert.cells) AS cells,
    alert.reference_digest, alert.software, alert.intake_ordinal, alert.committed_time,
    CASE WHEN coalesce(newest.tags, alert.tags) <@ coalesce(seen.tags, decided.tags, alert.tags)
            AND NOT EXISTS (SELECT FROM signal_batch
                WHERE signal_batch.alert_id = alert.alert_id AND signal_batch.version > decision.version)
            AND NOT coalesce(alert.control_limit_id IS NOT NULL AND newest.cells = '[]'
                AND newest.version > decision.version, false)
        THEN coalesce(decision.state, 'raised') ELSE 'raised' END AS state,
    decision.actor AS decided_by, decision.comment, decision.known_at AS decided_at,
    coalesce(newest.version, 0) AS version,
    CASE WHEN decision.state IS NULL THEN '{}' ELSE ARRAY(
        (SELECT unnest(coalesce(newest.tags, alert.tags))
        EXCEPT SELECT unnest(coalesce(seen.tags, decided.tags, alert.tags)))
        UNION ALL SELECT batch.name FROM signal_batch JOIN batch USING (batch_id)
        WHERE signal_batch.alert_id = alert.alert_id AND signal_batch.version > decision.version
        ORDER BY 1
    ) END AS spread_to,  -- tags and batches it did not have when it was decided about
    alert.same_as, monitor.run,
    coalesce(monitor.beside, false) OR EXISTS (
        SELECT FROM monitor AS later
        WHERE later.unit_procedure_id = monitor.unit_procedure_id AND later.run > monitor.run AND NOT later.beside
            AND (later.closed OR later.position >= alert.intake_ordinal)
    ) AS superseded,
    CASE WHEN newest.alert_id IS NULL THEN alert.severity ELSE newest.severity END AS severity,
    alert.control_limit_id,
    ARRAY(
        SELECT batch.name FROM signal_batch JOIN batch USING (batch_id) WHERE signal_batch.alert_id = alert.alert_id
        ORDER BY signal_batch.version, batch.name
    ) AS batches  -- of a signal; empty for all others
FROM alert
LEFT JOIN monitor USING (monitor_id)
LEFT JOIN LATERAL (
    SELECT * FROM alert_update WHERE alert_update.alert_id = alert.alert_id ORDER BY version DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT * FROM alert_decision WHERE alert_decision.alert_id IN (alert.alert_id, alert.same_as)
    ORDER BY known_at DESC LIMIT 1
) AS decision ON true
LEFT JOIN alert AS decided ON decided.alert_id = decision.alert_id
LEFT JOIN alert_update AS seen ON seen.alert_id = decision.alert_id AND seen.version = decision.version;

-- A revision that failed makes room for the next one.
UPDATE monitor SET closed = true WHERE beside AND failure IS NOT NULL;

-- An alert was raised, was told again, or somebody decided about it, which goes for the alerts too that repeat it.
CREATE FUNCTION alert_tells() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM tell_alerts(ARRAY(
        SELECT alert_id FROM alert LEFT JOIN monitor USING (monitor_id)
        WHERE (alert_id = NEW.alert_id OR TG_TABLE_NAME = 'alert_decision' AND same_as = NEW.alert_id)
            AND monitor.beside IS NOT TRUE
        ORDER BY alert_id
    ));
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION alert_tells() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER alert_tells AFTER INSERT ON alert
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION alert_tells();
CREATE CONSTRAINT TRIGGER alert_tells AFTER INSERT ON alert_update
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION alert_tells();
CREATE CONSTRAINT TRIGGER alert_tells AFTER INSERT ON alert_decision
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION alert_tells();

-- A later run of a batch has moved on: what earlier runs told up to there is superseded now. Where it is a revision that
-- has just taken over, what it raised counts from now on.
CREATE FUNCTION monitor_tells() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM tell_alerts(ARRAY(
        SELECT alert_id FROM alert JOIN monitor USING (monitor_id)
        WHERE monitor.unit_procedure_id = NEW.unit_procedure_id AND (
            monitor.run < NEW.run AND NOT monitor.beside
                AND (NEW.closed OR alert.intake_ordinal <= NEW.position)
                AND (OLD.beside OR NOT (OLD.closed OR alert.intake_ordinal <= OLD.position))
                AND NOT EXISTS (
                    SELECT FROM monitor AS other
                    WHERE other.unit_procedure_id = NEW.unit_procedure_id AND other.run > monitor.run
                        AND other.run <> NEW.run AND NOT other.beside
                        AND (other.closed OR other.position >= alert.intake_ordinal)
                )
            OR monitor.run = NEW.run AND OLD.beside
        )
        ORDER BY alert_id
    ));
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION monitor_tells() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER monitor_tells AFTER UPDATE OF position, closed, beside ON monitor
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.run > 1 AND NOT NEW.beside)
    EXECUTE FUNCTION monitor_tells();
