-- clock: The plant's time now, from the newest tick of any live chain carried on by its rate.
SELECT
    coalesce(tick.plant_time + (clock_timestamp() - tick.host_time) * tick.rate, clock_timestamp()) AS plant_now,
    coalesce(tick.rate, 1) AS rate,
    extract(epoch FROM clock_timestamp() - tick.host_time)::double precision AS tick_age_s
FROM (SELECT) AS always
LEFT JOIN (
    SELECT newest.plant_time, newest.host_time, newest.rate
    FROM chain
    CROSS JOIN LATERAL (
        SELECT plant_time, host_time, rate FROM block_tick
        WHERE block_tick.chain_id = chain.chain_id ORDER BY seq DESC LIMIT 1
    ) AS newest
    WHERE chain.kind = 'live'
    ORDER BY newest.host_time DESC
    LIMIT 1
) AS tick ON true;

-- spoken: When each mapped tag last gave a usable reading for what runs in its unit now, and what a clock ahead sent.
SELECT tag_now.unit_id, occupied.unit_procedure_id, lower(occupied.during) AS started, tag_now.name AS tag,
    tag_now.reporting_mode, tag_now.interval_s, usable.source_time AS until, ahead.source_time AS ahead_until
FROM tag_now
LEFT JOIN unit_procedure AS occupied ON occupied.unit_id = tag_now.unit_id AND upper_inf(occupied.during)
    AND (tag_now.position_id IS NULL OR occupied.position_id IS NULL OR tag_now.position_id = occupied.position_id)
LEFT JOIN LATERAL (
    -- A sensor that sends nothing but bad values for days must not make a screen slow: so many are looked at.
    SELECT newest.source_time FROM (
        SELECT source_time, quality FROM reading_now
        WHERE reading_now.tag_id = tag_now.tag_id AND source_time <= %(latest)s
            AND source_time >= coalesce(lower(occupied.during), '-infinity')
        ORDER BY source_time DESC LIMIT 10000
    ) AS newest
    WHERE newest.quality > 0 ORDER BY newest.source_time DESC LIMIT 1
) AS usable ON true
LEFT JOIN LATERAL (
    SELECT source_time FROM reading
    WHERE reading.tag_id = tag_now.tag_id AND source_time > %(latest)s ORDER BY source_time LIMIT 1
) AS ahead ON true
WHERE tag_now.mapped AND (%(batch_id)s::integer IS NULL OR occupied.batch_id = %(batch_id)s);

-- monitors: What the monitors of running unit procedures, or all of one batch, say, and how long a block waits for them.
SELECT monitor.unit_procedure_id, lower(unit_procedure.during) AS started, monitor.software, monitor.run, monitor.cause,
    monitor.closed, monitor.snapshot,
    (monitor.configuration ->> 'transport_allowance_s')::double precision AS transport_allowance_s,
    extract(epoch FROM clock_timestamp() - least(not_taken.committed_time, next.committed_time))::double precision
        AS waited_s
FROM monitor
JOIN unit_procedure USING (unit_procedure_id)
CROSS JOIN (
    SELECT min(block.committed_time) AS committed_time
    FROM chain
    CROSS JOIN LATERAL (
        SELECT coalesce(max(intake.seq), 0) AS seq FROM intake WHERE intake.chain_id = chain.chain_id
    ) AS taken
    JOIN block ON block.chain_id = chain.chain_id AND block.seq = taken.seq + 1
) AS not_taken
LEFT JOIN LATERAL (
    SELECT block.committed_time FROM intake JOIN block ON block.chain_id = intake.chain_id AND block.seq = intake.seq
    WHERE intake.ordinal > monitor.position ORDER BY intake.ordinal LIMIT 1
) AS next ON true
WHERE monitor.until_ordinal IS NULL AND CASE WHEN %(batch_id)s::integer IS NULL THEN upper_inf(unit_procedure.during)
    ELSE monitor.batch_id = %(batch_id)s END
ORDER BY monitor.monitor_id;

-- board: Every occupied position, and every unit that stands idle, with its phase and its most urgent alert; one of low severity is not urgent.
SELECT
    unit.unit_id, occupied.unit_procedure_id, site.name AS site, area.name AS area, unit.name AS unit, unit.kind AS unit_kind,
    CASE WHEN places.count > 1 THEN position.name END AS position,
    batch.name AS batch, product.name AS product, process_version.name AS process, process_version.role,
    lower(occupied.during) AS started,
    phase.name AS phase, phase.started AS phase_started,
    monitor.software, encode(reference.digest, 'hex') AS reference, batch.starting_material,
    (SELECT jsonb_object_agg(kind, batches) FROM (
        SELECT coalesce(reference_batch.starting_material, 'not stated') AS kind, count(*) AS batches
        FROM reference_batch WHERE reference_batch.reference_id = reference.reference_id GROUP BY 1
    ) AS of_kind) AS materials,
    open.alerts AS open_alerts, open.urgent AS urgent_alerts,
    first.alert, first.sentence, first.alert_state, first.alert_lasts, first.decided_by
FROM unit
JOIN area USING (area_id)
JOIN site USING (site_id)
CROSS JOIN LATERAL (SELECT count(*) FROM position WHERE position.unit_id = unit.unit_id) AS places
LEFT JOIN unit_procedure AS occupied ON occupied.unit_id = unit.unit_id AND upper_inf(occupied.during)
LEFT JOIN position ON position.position_id = occupied.position_id
LEFT JOIN batch ON batch.batch_id = occupied.batch_id
LEFT JOIN process_version USING (process_version_id)
LEFT JOIN product USING (product_id)
LEFT JOIN LATERAL (
    SELECT phase.name, lower(phase.during) AS started FROM phase
    WHERE phase.unit_procedure_id = occupied.unit_procedure_id ORDER BY lower(phase.during) DESC LIMIT 1
) AS phase ON true
LEFT JOIN monitor ON monitor.unit_procedure_id = occupied.unit_procedure_id AND monitor.until_ordinal IS NULL
LEFT JOIN reference ON reference.reference_id = monitor.reference_new_id
CROSS JOIN LATERAL (
    SELECT count(*) AS alerts,
        count(*) FILTER (WHERE (alert_now.state = 'raised' OR alert_now.ended_time IS NULL)
            AND alert_now.severity IS DISTINCT FROM 'low') AS urgent
    FROM alert_now
    WHERE alert_now.state <> 'closed' AND NOT alert_now.superseded
        AND CASE WHEN occupied.batch_id IS NULL THEN alert_now.batch_id IS NULL AND alert_now.unit_id = unit.unit_id
                AND alert_now.ended_time IS NULL
            ELSE alert_now.batch_id = occupied.batch_id
                OR (alert_now.batch_id IS NULL AND alert_now.unit_id = unit.unit_id
                    AND alert_now.raised_time >= lower(occupied.during)) END
) AS open
LEFT JOIN LATERAL (
    SELECT alert_now.alert_id AS alert, alert_now.sentence, alert_now.state AS alert_state,
        alert_now.ended_time IS NULL AS alert_lasts, alert_now.decided_by
    FROM alert_now
    WHERE alert_now.state <> 'closed' AND NOT alert_now.superseded
        AND CASE WHEN occupied.batch_id IS NULL THEN alert_now.batch_id IS NULL AND alert_now.unit_id = unit.unit_id
                AND alert_now.ended_time IS NULL
            ELSE alert_now.batch_id = occupied.batch_id
                OR (alert_now.batch_id IS NULL AND alert_now.unit_id = unit.unit_id
                    AND alert_now.raised_time >= lower(occupied.during)) END
    ORDER BY alert_now.state = 'raised' DESC, alert_now.ended_time IS NULL DESC,
        array_position(ARRAY['high', 'medium', 'low'], alert_now.severity), alert_now.raised_time DESC,
        alert_now.alert_id DESC
    LIMIT 1
) AS first ON true
ORDER BY site.name, area.name, unit.name, position.name;
