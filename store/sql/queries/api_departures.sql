-- runs: The runs of a batch that are held against an old process, the newest first, with what each is pinned to.
SELECT monitor.monitor_id, monitor.run, monitor.cause, monitor.until_ordinal IS NOT NULL AS superseded,
    monitor.closed AS finished, monitor.software, (monitor.configuration ->> 'started_us')::bigint AS started_us,
    reference.name AS reference, encode(reference.digest, 'hex') AS digest,
    (SELECT count(*) FROM reference_batch WHERE reference_batch.reference_id = reference.reference_id) AS batches,
    coalesce(jsonb_path_query_array(monitor.configuration, '$.tags[*].name'), '[]') AS tags,
    coalesce(monitor.configuration -> 'correspondences', '[]') AS correspondences,
    ARRAY(
        SELECT old.key FROM jsonb_each(coalesce(reference.curves -> 'points', '{}')) AS old
        WHERE jsonb_path_exists(old.value, '$.center[*] ? (@ != null)')
    ) AS known,
    (SELECT max(departure_point.point_time) FROM departure_point
        WHERE departure_point.monitor_id = monitor.monitor_id) AS compared_until,
    (SELECT min(departure.committed_time) FROM departure WHERE departure.monitor_id = monitor.monitor_id) AS stated,
    correction.sentence AS corrected, correction.actor AS corrected_by, correction.reason AS corrected_why
FROM monitor
JOIN reference ON reference.reference_id = monitor.reference_old_id
LEFT JOIN LATERAL (
    SELECT correction.sentence, correction.actor, correction.reason
    FROM intake JOIN correction ON correction.chain_id = intake.chain_id AND correction.block_seq = intake.seq
    WHERE monitor.cause = 'correction' AND intake.ordinal = monitor.corrected_ordinal
    ORDER BY correction.correction_id DESC LIMIT 1
) AS correction ON true
WHERE monitor.batch_id = %(batch_id)s AND NOT monitor.beside
ORDER BY monitor.run DESC, started_us;

-- points: The matched points a run has compared, of one tag or of all, in order of time.
SELECT departure_point.point, departure_point.point_time AS time, part.tag, part.value, part.expected, part.sd, part.reach, part.limit_value
FROM departure_point,
    unnest(departure_point.tags, departure_point.value, departure_point.expected, departure_point.sd,
        departure_point.reach, departure_point.limit_value)
        AS part (tag, value, expected, sd, reach, limit_value)
WHERE departure_point.monitor_id = %(monitor_id)s AND (%(tag)s::text IS NULL OR part.tag = %(tag)s)
ORDER BY departure_point.point_time, part.tag;

-- curve: What is known of one old tag in the reference of the old process that a run is held against.
SELECT reference.curves -> 'points' -> %(tag)s AS curve
FROM monitor JOIN reference ON reference.reference_id = monitor.reference_old_id
WHERE monitor.monitor_id = %(monitor_id)s;

-- alerts: The departure alerts of a run that concern a tag, the oldest first.
SELECT alert_id AS alert, kind, state, raised_time, onset_time, ended_time, tags, sentence
FROM alert_now
WHERE monitor_id = %(monitor_id)s AND kind = 'departure' AND %(tag)s = ANY(tags)
ORDER BY raised_time, alert_id
LIMIT 500;
