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

-- board: Every occupied position, and every unit that stands idle, with the newest reading and what the monitor says.
SELECT
    site.name AS site, area.name AS area, unit.name AS unit, unit.kind AS unit_kind,
    CASE WHEN places.count > 1 THEN position.name END AS position,
    batch.name AS batch, product.name AS product, process_version.name AS process, process_version.role,
    lower(occupied.during) AS started,
    phase.name AS phase, phase.started AS phase_started,
    newest.data_until, newest.interval_s, newest.tags, newest.tags_silent,
    monitor.snapshot, monitor.software, encode(reference.digest, 'hex') AS reference,
    coalesce(open.alerts, 0) AS open_alerts, coalesce(open.urgent, 0) AS urgent_alerts,
    open.alert, open.sentence, open.alert_state, open.decided_by
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
LEFT JOIN LATERAL (
    SELECT max(tag_latest.source_time) AS data_until, min(tag_now.interval_s) AS interval_s, count(*) AS tags,
        count(*) FILTER (
            WHERE tag_now.reporting_mode = 'periodic' AND (tag_latest.source_time IS NULL
                OR %(now)s - tag_latest.source_time
                    > make_interval(secs => 2 * tag_now.interval_s + %(allowance_s)s))
        ) AS tags_silent
    FROM tag_now
    LEFT JOIN tag_latest USING (tag_id)
    WHERE tag_now.unit_id = unit.unit_id AND tag_now.mapped
        AND (tag_now.position_id IS NULL OR occupied.position_id IS NULL
            OR tag_now.position_id = occupied.position_id)
) AS newest ON true
LEFT JOIN monitor ON monitor.unit_procedure_id = occupied.unit_procedure_id
LEFT JOIN reference ON reference.reference_id = monitor.reference_new_id
LEFT JOIN LATERAL (
    SELECT count(*) AS alerts,
        count(*) FILTER (WHERE alert_now.state = 'raised' OR alert_now.ended_time IS NULL) AS urgent,
        (array_agg(alert_now.alert_id ORDER BY alert_now.ended_time IS NULL DESC, alert_now.state = 'raised' DESC,
            alert_now.raised_time DESC))[1]
            AS alert,
        (array_agg(alert_now.sentence ORDER BY alert_now.ended_time IS NULL DESC, alert_now.state = 'raised' DESC,
            alert_now.raised_time DESC))[1]
            AS sentence,
        (array_agg(alert_now.state ORDER BY alert_now.ended_time IS NULL DESC, alert_now.state = 'raised' DESC,
            alert_now.raised_time DESC))[1]
            AS alert_state,
        (array_agg(alert_now.decided_by ORDER BY alert_now.ended_time IS NULL DESC, alert_now.state = 'raised' DESC,
            alert_now.raised_time DESC))[1]
            AS decided_by
    FROM alert_now
    WHERE alert_now.state <> 'closed'
        AND CASE WHEN occupied.batch_id IS NULL THEN alert_now.batch_id IS NULL AND alert_now.unit_id = unit.unit_id
                AND alert_now.ended_time IS NULL
            ELSE alert_now.batch_id = occupied.batch_id
                OR (alert_now.batch_id IS NULL AND alert_now.unit_id = unit.unit_id
                    AND alert_now.raised_time >= lower(occupied.during)) END
) AS open ON true
ORDER BY site.name, area.name, unit.name, position.name;
