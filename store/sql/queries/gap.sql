-- horizon: How far the plant's time was known to be complete, and the newest tag version taken into account.
SELECT reached, tag_version_id FROM gap_horizon;

-- set_horizon: How far the plant's time is known to be complete now, and from which tick.
INSERT INTO gap_horizon (reached, plant_time, host_time, rate, tag_version_id)
VALUES (%(reached)s, %(plant_time)s, %(host_time)s, %(rate)s, %(tag_version_id)s)
ON CONFLICT (always) DO UPDATE SET reached = excluded.reached, plant_time = excluded.plant_time,
    host_time = excluded.host_time, rate = excluded.rate, tag_version_id = excluded.tag_version_id;

-- described: Tags whose description is newer than what was taken into account, with the time from which it holds.
SELECT tag_version.tag_id, tag.unit_id, min(tag_version.effective_from), max(tag_version.tag_version_id)
FROM tag_version JOIN tag USING (tag_id)
WHERE tag_version.tag_version_id > %(tag_version_id)s
GROUP BY tag_version.tag_id, tag.unit_id;

-- moved: Unit procedures whose interval is not the one their gaps were derived for.
SELECT unit_procedure.unit_procedure_id, unit_procedure.unit_id, unit_procedure.position_id,
    lower(gap_scope.during), upper(gap_scope.during), lower(unit_procedure.during), upper(unit_procedure.during)
FROM unit_procedure
LEFT JOIN gap_scope USING (unit_procedure_id)
WHERE gap_scope.during IS DISTINCT FROM unit_procedure.during;

-- set_scope: The gaps of a unit procedure are derived for its interval.
INSERT INTO gap_scope (unit_procedure_id, during)
SELECT unit_procedure_id, during FROM unit_procedure WHERE unit_procedure_id = %(unit_procedure_id)s
ON CONFLICT (unit_procedure_id) DO UPDATE SET during = excluded.during;

-- procedures: The unit procedures of units that reach into a time.
SELECT unit_procedure_id, unit_id, position_id, lower(during), upper(during)
FROM unit_procedure
WHERE unit_id = ANY(%(unit_ids)s) AND during && tstzrange(%(since)s, %(until)s)
ORDER BY unit_procedure_id;

-- nodes: The publishers of units, with every unit each of them speaks for.
SELECT mine.unit_id, mine.publisher, other.unit_id
FROM publisher_unit AS mine JOIN publisher_unit AS other USING (publisher)
WHERE mine.unit_id = ANY(%(unit_ids)s)
ORDER BY mine.unit_id, mine.publisher, other.unit_id;

-- spoke_before: Which of these tags had a reading in the time before another one.
SELECT asked.number::integer
FROM unnest(%(tag_ids)b::integer[], %(sinces)b::timestamptz[], %(untils)b::timestamptz[])
    WITH ORDINALITY AS asked (tag_id, since, until, number)
WHERE EXISTS (SELECT FROM reading WHERE reading.tag_id = asked.tag_id AND reading.source_time >= asked.since
    AND reading.source_time < asked.until);

-- overdue: Running tags without a lasting gap that have not spoken for so many intervals of theirs.
SELECT tag_now.tag_id, tag_now.unit_id,
    greatest(lower(unit_procedure.during), coalesce(tag_latest.source_time, '-infinity')) AS spoke
FROM unit_procedure
JOIN tag_now ON tag_now.unit_id = unit_procedure.unit_id AND tag_now.mapped
    AND (tag_now.position_id IS NULL OR tag_now.position_id = unit_procedure.position_id)
LEFT JOIN tag_latest ON tag_latest.tag_id = tag_now.tag_id
WHERE upper_inf(unit_procedure.during) AND tag_now.interval_s IS NOT NULL
    AND greatest(lower(unit_procedure.during), coalesce(tag_latest.source_time, '-infinity'))
        + %(intervals)s * make_interval(secs => tag_now.interval_s) < %(horizon)s
    AND NOT EXISTS (SELECT FROM tag_gap WHERE tag_gap.tag_id = tag_now.tag_id
        AND tag_gap.unit_procedure_id = unit_procedure.unit_procedure_id AND tag_gap.to_time IS NULL
        AND tag_gap.filled_time IS NULL);

-- known: The gaps of tags that are so now and reach into a time.
SELECT tag_gap_id, unit_procedure_id, tag_id, after_time, before_time, from_time, to_time, missing, interval_s, cause,
    evidence::text
FROM tag_gap
WHERE filled_time IS NULL AND tag_id = ANY(%(tag_ids)s) AND from_time <= %(until)s
    AND coalesce(before_time, 'infinity') >= %(since)s
ORDER BY tag_gap_id;

-- holes: Neighbouring readings that lie too far apart, and the first and last of all, as far as the next beyond a time.
WITH asked AS (
    SELECT * FROM unnest(%(tag_ids)b::integer[], %(sinces)b::timestamptz[], %(untils)b::timestamptz[],
        %(floors)b::timestamptz[], %(ceilings)b::timestamptz[], %(lengths)b::double precision[])
        WITH ORDINALITY AS asked (tag_id, since, until, floor, ceiling, length_s, number)
), reach AS (
    SELECT asked.*,
        (SELECT source_time FROM reading WHERE reading.tag_id = asked.tag_id AND source_time < asked.since
            AND source_time >= asked.floor ORDER BY source_time DESC LIMIT 1) AS previous,
        (SELECT source_time FROM reading WHERE reading.tag_id = asked.tag_id AND source_time > asked.until
            AND source_time <= asked.ceiling ORDER BY source_time LIMIT 1) AS next
    FROM asked
)
SELECT reach.number::integer, pair.after_time, pair.before_time, reach.previous, reach.next
FROM reach
LEFT JOIN LATERAL (
    SELECT lag(source_time) OVER (ORDER BY source_time) AS after_time, source_time AS before_time
    FROM (
        SELECT source_time FROM reading WHERE reading.tag_id = reach.tag_id
            AND source_time >= greatest(coalesce(reach.previous, reach.since), reach.floor)
            AND source_time <= least(coalesce(reach.next, reach.until), reach.ceiling)
        UNION ALL SELECT NULL WHERE reach.next IS NULL
    ) AS within
) AS pair ON pair.after_time IS NULL OR pair.before_time IS NULL
    OR pair.before_time - pair.after_time >= make_interval(secs => reach.length_s)
ORDER BY reach.number, pair.before_time;

-- fill: This gap is no longer as it was found.
UPDATE tag_gap SET filled_time = %(filled_time)s WHERE tag_gap_id = ANY(%(tag_gap_ids)s);

-- find: A gap.
INSERT INTO tag_gap (unit_procedure_id, tag_id, after_time, before_time, from_time, to_time, missing, interval_s, cause,
    evidence, found_time)
VALUES (%(unit_procedure_id)s, %(tag_id)s, %(after_time)s, %(before_time)s, %(from_time)s, %(to_time)s, %(missing)s,
    %(interval_s)s, %(cause)s, %(evidence)s, %(found_time)s);

-- service_events: What was reported of the service of units and their tags.
SELECT unit_id, event_id, kind, source_time, body ->> 'tag' AS tag FROM event
WHERE unit_id = ANY(%(unit_ids)s) AND kind IN ('out_of_service', 'in_service', 'calibration')
ORDER BY source_time, event_id;

-- put_aside: Values and messages of units in quarantine that were received in a time, or would have been of it.
SELECT item.unit_id, quarantine.quarantine_id, quarantine.tag, quarantine.source_time, quarantine.received_time
FROM (SELECT unit.unit_id, site.name || '/' || area.name || '/' || unit.name AS path FROM unit
    JOIN area USING (area_id) JOIN site USING (site_id) WHERE unit.unit_id = ANY(%(unit_ids)s)) AS item
JOIN quarantine ON CASE WHEN quarantine.unit_id IS NULL
    THEN quarantine.topic LIKE '%%/' || item.path || '/readings' ELSE quarantine.unit_id = item.unit_id END
WHERE quarantine.source_time BETWEEN %(since)s AND %(until)s
    OR (quarantine.source_time IS NULL AND quarantine.received_time BETWEEN %(received_since)s AND %(received_until)s)
ORDER BY quarantine.quarantine_id
LIMIT %(most)s;

-- lost: Messages missing of the publishers of units, as far as they may lie in a time.
SELECT publisher_unit.unit_id, sequence_gap.sequence_gap_id,
    sequence_gap.last_seq - sequence_gap.first_seq + 1 AS messages, sequence_gap.after_time, sequence_gap.before_time
FROM publisher_unit JOIN sequence_gap USING (publisher)
WHERE publisher_unit.unit_id = ANY(%(unit_ids)s) AND sequence_gap.filled_time IS NULL
    AND sequence_gap.after_time <= %(until)s AND sequence_gap.before_time >= %(since)s
ORDER BY sequence_gap.sequence_gap_id;

-- edge_lost: Messages missing of the edge nodes of units, as far as they may lie in a time.
SELECT edge_unit.unit_id, edge_gap.edge_gap_id, edge_gap.cause,
    edge_gap.messages - coalesce(cardinality(edge_gap.filled), 0) AS messages, edge_gap.from_time, edge_gap.until_time
FROM (SELECT DISTINCT unit_id, edge_node_id FROM edge_unit WHERE unit_id = ANY(%(unit_ids)s)) AS edge_unit
JOIN edge_gap USING (edge_node_id)
WHERE edge_gap.from_time <= %(received_until)s AND edge_gap.until_time >= %(received_since)s
ORDER BY edge_gap.edge_gap_id;

-- edge_offline: Who speaks for units, and when it was offline by its own word or its will.
SELECT edge_unit.unit_id, edge_unit.edge_node_id, edge_unit.device, offline.edge_node_event_id, offline.time,
    online.time
FROM edge_unit
LEFT JOIN LATERAL (
    SELECT event.edge_node_event_id, event.time FROM edge_node_event AS event
    WHERE event.edge_node_id = edge_unit.edge_node_id AND coalesce(event.device, '') = edge_unit.device
        AND event.kind = 'offline' AND event.time <= %(received_until)s
) AS offline ON true
LEFT JOIN LATERAL (
    SELECT later.time FROM edge_node_event AS later
    WHERE later.edge_node_id = edge_unit.edge_node_id AND coalesce(later.device, '') = edge_unit.device
        AND later.kind = 'online' AND later.edge_node_event_id > offline.edge_node_event_id
    ORDER BY later.edge_node_event_id LIMIT 1
) AS online ON true
WHERE edge_unit.unit_id = ANY(%(unit_ids)s) AND coalesce(online.time, 'infinity') >= %(received_since)s
ORDER BY edge_unit.unit_id, edge_unit.edge_node_id, edge_unit.device, offline.edge_node_event_id;

-- away: When nobody listened for a live chain, between two times in which somebody did.
SELECT chain_id, away, back FROM (
    SELECT chain_id, until AS away, lead(since) OVER (PARTITION BY chain_id ORDER BY since) AS back FROM listening
) AS pause
WHERE back > away AND back >= %(since)s
ORDER BY chain_id, away;

-- heard_through: The live chain that the newest reading of each tag came over.
SELECT asked.tag_id, newest.chain_id
FROM unnest(%(tag_ids)b::integer[]) AS asked (tag_id)
CROSS JOIN LATERAL (
    SELECT reading.chain_id FROM reading WHERE reading.tag_id = asked.tag_id ORDER BY source_time DESC LIMIT 1
) AS newest
JOIN chain ON chain.chain_id = newest.chain_id AND chain.kind = 'live';

-- touched: What a stretch of the intake says about units besides readings, with the time in which it may matter.
SELECT unit_id, min(since), max(until) FROM (
    SELECT event.unit_id, event.source_time AS since, %(latest)s::timestamptz AS until
    FROM intake JOIN event ON event.chain_id = intake.chain_id AND event.block_seq = intake.seq
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(last)s
        AND event.kind IN ('out_of_service', 'in_service', 'calibration')
    UNION ALL
    SELECT unit.unit_id, at.plant_time, at.plant_time
    FROM intake JOIN quarantine ON quarantine.chain_id = intake.chain_id AND quarantine.block_seq = intake.seq
    JOIN unit ON CASE WHEN quarantine.unit_id IS NOT NULL THEN quarantine.unit_id = unit.unit_id
        ELSE split_part(quarantine.topic, '/', -2) = unit.name END
    CROSS JOIN LATERAL (SELECT coalesce(quarantine.source_time,
        %(plant_time)s::timestamptz + (quarantine.received_time - %(host_time)s::timestamptz) * %(rate)s::double precision) AS plant_time) AS at
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(last)s
    UNION ALL
    SELECT publisher_unit.unit_id, sequence_gap.after_time, sequence_gap.before_time
    FROM intake JOIN block USING (chain_id, seq)
    JOIN sequence_gap ON block.committed_time IN (sequence_gap.found_time, sequence_gap.filled_time)
    JOIN publisher_unit USING (publisher)
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(last)s AND sequence_gap.after_time IS NOT NULL
        AND sequence_gap.before_time IS NOT NULL
    UNION ALL
    SELECT unit.unit_id, away.plant_time, back.plant_time
    FROM intake JOIN listening ON listening.chain_id = intake.chain_id AND listening.block_seq = intake.seq
    CROSS JOIN LATERAL (SELECT earlier.until FROM listening AS earlier
        WHERE earlier.chain_id = listening.chain_id AND earlier.since < listening.since
        ORDER BY earlier.since DESC LIMIT 1) AS before
    CROSS JOIN LATERAL (SELECT %(plant_time)s::timestamptz
        + (before.until - %(host_time)s::timestamptz) * %(rate)s::double precision AS plant_time) AS away
    CROSS JOIN LATERAL (SELECT %(plant_time)s::timestamptz
        + (listening.since - %(host_time)s::timestamptz) * %(rate)s::double precision AS plant_time) AS back
    CROSS JOIN unit
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(last)s
    UNION ALL
    SELECT edge_unit.unit_id, lost.plant_time, found.plant_time
    FROM intake JOIN edge_gap ON edge_gap.chain_id = intake.chain_id AND edge_gap.block_seq = intake.seq
    JOIN edge_unit USING (edge_node_id)
    CROSS JOIN LATERAL (SELECT %(plant_time)s::timestamptz
        + (edge_gap.from_time - %(host_time)s::timestamptz) * %(rate)s::double precision AS plant_time) AS lost
    CROSS JOIN LATERAL (SELECT %(plant_time)s::timestamptz
        + (edge_gap.until_time - %(host_time)s::timestamptz) * %(rate)s::double precision AS plant_time) AS found
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(last)s
    UNION ALL
    SELECT edge_unit.unit_id, at.plant_time, %(latest)s::timestamptz
    FROM intake JOIN edge_node_event AS edge
        ON edge.chain_id = intake.chain_id AND edge.block_seq = intake.seq AND edge.kind = 'offline'
    JOIN edge_unit ON edge_unit.edge_node_id = edge.edge_node_id AND edge_unit.device = coalesce(edge.device, '')
    CROSS JOIN LATERAL (SELECT %(plant_time)s::timestamptz
        + (edge.time - %(host_time)s::timestamptz) * %(rate)s::double precision AS plant_time) AS at
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(last)s
    UNION ALL
    SELECT edge_unit.unit_id, at.plant_time, at.plant_time
    FROM intake JOIN edge_node_event AS edge
        ON edge.chain_id = intake.chain_id AND edge.block_seq = intake.seq AND edge.kind = 'online'
    JOIN edge_unit ON edge_unit.edge_node_id = edge.edge_node_id AND edge_unit.device = coalesce(edge.device, '')
    CROSS JOIN LATERAL (SELECT %(plant_time)s::timestamptz
        + (edge.time - %(host_time)s::timestamptz) * %(rate)s::double precision AS plant_time) AS at
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(last)s
) AS said (unit_id, since, until)
GROUP BY unit_id
ORDER BY unit_id;
