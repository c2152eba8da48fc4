-- gaps: Missing sequence numbers of publishers, newest first, below a cursor.
SELECT sequence_gap_id AS gap, publisher, boot, first_seq, last_seq, last_seq - first_seq + 1 AS messages,
    found_time, filled_time
FROM sequence_gap
WHERE sequence_gap_id < %(below)s AND (NOT %(open_only)s OR filled_time IS NULL)
ORDER BY sequence_gap_id DESC LIMIT %(limit)s;

-- changes: The switches from an old to a new process.
SELECT manufacturing_change.name AS change, product.name AS product, old.name AS from_process, new.name AS to_process,
    manufacturing_change.context_of_use, manufacturing_change.amt_designation,
    manufacturing_change.reporting_category, manufacturing_change.regulatory_status,
    old.process_version_id AS from_id, new.process_version_id AS to_id
FROM manufacturing_change
JOIN process_version AS old ON old.process_version_id = manufacturing_change.from_process_version_id
JOIN process_version AS new ON new.process_version_id = manufacturing_change.to_process_version_id
JOIN product ON product.product_id = new.product_id
WHERE %(change)s::text IS NULL OR manufacturing_change.name = %(change)s
ORDER BY manufacturing_change.manufacturing_change_id DESC;

-- compared: The numbers of every attribute by side of a change, one a batch: its newest final one; and what is left out.
WITH stated AS (
    SELECT attribute.attribute_id, batch.batch_id, batch.process_version_id = %(to_id)s AS is_new, result.result,
        result.value_number, result.censored, result.measured_at, result.known_at,
        CASE
            WHEN batch.status = 'running' THEN 'running'
            WHEN result.status NOT IN ('final', 'corrected') THEN 'preliminary'
            WHEN result.specimen <> ALL (ARRAY[plan.specimen, batch.name || '-' || plan.specimen])
                THEN 'other_specimen'
            WHEN result.value_number IS NULL OR result.unit_of_measure <> attribute.unit_of_measure THEN 'unusable'
        END AS left_out
    FROM batch
    JOIN qc_result_now AS result USING (batch_id)
    JOIN process_version AS target ON target.process_version_id = %(to_id)s
    JOIN attribute ON attribute.product_id = target.product_id AND attribute.name = result.attribute
    LEFT JOIN LATERAL (
        SELECT specimen FROM sampling_plan_known('infinity') AS line
        WHERE line.process_version_id = batch.process_version_id AND line.attribute = attribute.name
        ORDER BY at_h DESC, sampling_plan_id DESC LIMIT 1
    ) AS plan ON true
    WHERE batch.process_version_id IN (%(from_id)s, %(to_id)s)
), placed AS (
    SELECT *, row_number() OVER (
        PARTITION BY attribute_id, batch_id, left_out IS NULL ORDER BY measured_at DESC, known_at DESC, result
    ) AS place
    FROM stated
), judged AS (
    SELECT attribute_id, batch_id, is_new, value_number, censored,
        CASE WHEN left_out IS NULL AND place > 1 THEN 'repeated' ELSE left_out END AS left_out
    FROM placed
), excluded AS (
    SELECT attribute_id, is_new, jsonb_object_agg(left_out, results) AS left_out
    FROM (
        SELECT attribute_id, is_new, left_out, count(*) AS results FROM judged WHERE left_out IS NOT NULL
        GROUP BY attribute_id, is_new, left_out
    ) AS counted
    GROUP BY attribute_id, is_new
), included AS (
    SELECT attribute_id, is_new, array_agg(value_number ORDER BY batch_id) FILTER (WHERE censored IS NULL) AS numbers,
        count(*) FILTER (WHERE censored IS NOT NULL) AS bounds
    FROM judged WHERE left_out IS NULL GROUP BY attribute_id, is_new
)
SELECT attribute.name AS attribute, attribute.kind, attribute.criticality, attribute.scale, attribute.unit_of_measure,
    coalesce(old.numbers, '{}') AS old_values, coalesce(old.bounds, 0) AS old_censored,
    coalesce(new.numbers, '{}') AS new_values, coalesce(new.bounds, 0) AS new_censored,
    coalesce(old_excluded.left_out, '{}') AS old_left_out, coalesce(new_excluded.left_out, '{}') AS new_left_out
FROM process_version AS target
JOIN attribute ON attribute.product_id = target.product_id
LEFT JOIN included AS old ON old.attribute_id = attribute.attribute_id AND NOT old.is_new
LEFT JOIN included AS new ON new.attribute_id = attribute.attribute_id AND new.is_new
LEFT JOIN excluded AS old_excluded ON old_excluded.attribute_id = attribute.attribute_id AND NOT old_excluded.is_new
LEFT JOIN excluded AS new_excluded ON new_excluded.attribute_id = attribute.attribute_id AND new_excluded.is_new
WHERE target.process_version_id = %(to_id)s
ORDER BY attribute.attribute_id;

-- outcomes: How the started batches of both sides of a change ended.
SELECT process_version.process_version_id, count(*) AS started,
    count(*) FILTER (WHERE batch.status = 'running') AS running,
    count(*) FILTER (WHERE batch.status = 'completed') AS completed,
    count(*) FILTER (WHERE batch.status = 'terminated') AS terminated
FROM batch JOIN process_version USING (process_version_id)
WHERE process_version.process_version_id IN (%(from_id)s, %(to_id)s)
GROUP BY process_version.process_version_id;

-- readiness: How many blocks analytics has still to take, and how many of those it took are not worked off.
SELECT
    (SELECT coalesce(sum(chain.seq - coalesce(
        (SELECT max(intake.seq) FROM intake WHERE intake.chain_id = chain.chain_id), 0)), 0)::bigint
        FROM chain) AS not_taken,
    coalesce((SELECT max(intake.ordinal) FROM intake), 0) - least(
        coalesce((SELECT min(consumer.position) FROM consumer WHERE consumer.name <> 'intake'), 0),
        (SELECT min(monitor.position) FROM monitor WHERE NOT monitor.closed AND NOT monitor.beside)
    ) AS not_worked_off;

-- totals: Counts for Prometheus that cost no scan of the readings.
SELECT (SELECT count(*) FROM batch WHERE status = 'running') AS batches_running,
    (SELECT count(*) FROM alert_now WHERE state = 'raised' AND NOT superseded) AS alerts_raised,
    (SELECT count(*) FROM quarantine) AS quarantined,
    (SELECT count(*) FROM sequence_gap WHERE filled_time IS NULL) AS gaps_open,
    (SELECT coalesce(sum(seq), 0)::bigint FROM chain) AS blocks;

-- refused_lately: How much was refused within ten minutes, how much of that got no row of its own, and most of it where.
SELECT 10 AS minutes, coalesce(sum(refused) FILTER (WHERE topic = '#'), 0)::bigint AS refused,
    coalesce(sum(held_back), 0)::bigint AS held_back,
    coalesce((array_agg(topic ORDER BY refused DESC) FILTER (WHERE topic <> '#'))[1], '#') AS topic
FROM quarantine_minute WHERE minute > now() - interval '10 minutes';
