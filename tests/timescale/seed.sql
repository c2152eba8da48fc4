-- A small record with something of everything: two units, an old and a new batch, readings over five weeks.
-- Every number is given and every value a half, so that sums do not depend on the order of adding.
INSERT INTO site (site_id, name, timezone) OVERRIDING SYSTEM VALUE VALUES (1, 'leiden', 'Europe/Amsterdam');
INSERT INTO area (area_id, site_id, name) OVERRIDING SYSTEM VALUE VALUES (1, 1, 'hall');
INSERT INTO unit (unit_id, area_id, name, kind, commissioned) OVERRIDING SYSTEM VALUE VALUES
    (1, 1, 'BR-01', 'bioreactor', '2025-01-01Z'), (2, 1, 'INC-1', 'incubator', '2024-01-01Z');
INSERT INTO position (position_id, unit_id, name) OVERRIDING SYSTEM VALUE VALUES (1, 1, 'A'), (2, 2, 'A'), (3, 2, 'B');
INSERT INTO tag (tag_id, unit_id, position_id, name, registered_at) OVERRIDING SYSTEM VALUE VALUES
    (1, 1, NULL, 'temperature', '2025-01-01Z'), (2, 1, NULL, 'pH', '2025-01-01Z'),
    (3, 2, 2, 'temperature', '2025-01-01Z'), (4, 1, NULL, 'unmapped', '2025-01-01Z');
INSERT INTO tag_version (tag_id, effective_from, measurand, unit_of_measure, physical_low, physical_high,
    reporting_mode, interval_s, capture_mode, known_at) VALUES
    (1, '2025-01-01Z', 'temperature', 'Cel', 0, 60, 'periodic', 3600, 'automatic', '2025-01-01Z'),
    (2, '2025-01-01Z', 'pH', '[pH]', 0, 14, 'periodic', 3600, 'automatic', '2025-01-01Z'),
    (3, '2025-01-01Z', 'temperature', 'Cel', 0, 60, 'manual', NULL, 'manual', '2025-01-01Z');
INSERT INTO registered_publisher (unit_id, publisher, allowed) VALUES (1, 'edge-1', true), (1, 'edge-0', false);

INSERT INTO product (product_id, name, modality) OVERRIDING SYSTEM VALUE VALUES (1, 'CT-101', 'T cells');
INSERT INTO process_version (process_version_id, product_id, name, role) OVERRIDING SYSTEM VALUE VALUES
    (1, 1, 'MAN-1.0', 'pre_change'), (2, 1, 'AUTO-2.0', 'post_change');
INSERT INTO manufacturing_change (name, from_process_version_id, to_process_version_id, context_of_use,
    reporting_category, regulatory_status) VALUES ('CC-7', 1, 2, 'expansion', 'PAS', 'internal');
INSERT INTO tag_correspondence (manufacturing_change_id, tag_new, tag_old, measurand, sensor_principle_new,
    sensor_principle_old, known_at)
SELECT manufacturing_change_id, 'temperature', 'temperature', 'temperature', 'Pt100', 'thermistor', '2025-01-02Z'
FROM manufacturing_change;
INSERT INTO attribute (product_id, name, kind, criticality, scale, measurand, unit_of_measure) VALUES
    (1, 'viability', 'release_test', 'critical', 'linear', 'viable cells', '%');
INSERT INTO limit_version (process_version_id, attribute, tag, kind, low, high, unit_of_measure, source,
    effective_from, known_at) VALUES
    (2, 'viability', NULL, 'specification_limit', 70, NULL, '%', 'BLA', '2025-01-02Z', '2025-01-02Z'),
    (2, NULL, 'temperature', 'proven_acceptable_range', 36, 38, 'Cel', 'PC-12', '2025-01-02Z', '2025-01-02Z');
INSERT INTO sampling_plan (process_version_id, attribute, specimen, at_h, due_h, known_at) VALUES
    (2, 'viability', 'S-9', 216, 240, '2025-01-02Z');

INSERT INTO batch (batch_id, name, process_version_id, donor, status, registered_at) OVERRIDING SYSTEM VALUE VALUES
    (1, 'CT-1', 2, 'D-1', 'completed', '2026-01-01Z'), (2, 'CT-2', 2, 'D-2', 'running', '2026-01-20Z'),
    (3, 'OLD-1', 1, 'D-3', 'completed', '2026-01-01Z');
INSERT INTO unit_procedure (unit_procedure_id, batch_id, unit_id, position_id, during, end_inferred)
OVERRIDING SYSTEM VALUE VALUES
    (1, 1, 1, 1, '[2026-01-01 00:00Z,2026-01-13 00:00Z)', true), (2, 2, 1, 1, '[2026-01-20 00:00Z,)', false),
    (3, 3, 2, 2, '[2026-01-01 00:00Z,2026-01-13 00:00Z)', false);
INSERT INTO phase (unit_procedure_id, name, during) VALUES
    (1, 'activation', '[2026-01-01 00:00Z,2026-01-03 00:00Z)'),
    (1, 'expansion', '[2026-01-03 00:00Z,2026-01-13 00:00Z)'), (2, 'activation', '[2026-01-20 00:00Z,)');

INSERT INTO chain (chain_id, name, kind, epoch, seq, digest, holder) OVERRIDING SYSTEM VALUE VALUES
    (1, 'live', 'live', 1, 3, '\x03', 'ingest');
INSERT INTO block (chain_id, seq, epoch, committed_time, entries, readings, merkle_root, previous_digest, header, digest)
SELECT 1, seq, 1, '2026-01-01Z'::timestamptz + seq * interval '1 hour', 1, 1, '\x00', '\x00', '\x00', '\x01'
FROM generate_series(1, 3) AS seq;
INSERT INTO block_body (chain_id, seq, raw) SELECT 1, seq, '\xabcd' FROM generate_series(1, 3) AS seq;
INSERT INTO block_unit (chain_id, seq, unit_id, readings, rows) VALUES (1, 1, 1, 1, '\x00'), (1, 2, 2, 1, '\x01');
INSERT INTO block_tick (chain_id, seq, plant_time, host_time, rate) VALUES (1, 3, '2026-01-25Z', '2026-02-01Z', 60);
INSERT INTO event (chain_id, block_seq, entry, unit_id, batch_id, unit_procedure_id, kind, source_time, received_time,
    body, note, digest)
VALUES
    (1, 1, 0, 1, 1, 1, 'unit_procedure_started', '2026-01-01Z', '2026-01-01Z', '{"phase": "activation"}', NULL, '\x01'),
    (1, 2, 0, 1, 1, NULL, 'intervention', '2026-01-02Z', '2026-01-02Z', '{"comment": "fed"}', 'fed', '\x02');
INSERT INTO quarantine (chain_id, block_seq, entry, topic, item, code, reason, excerpt, received_time, digest) VALUES
    (1, 2, 1, 'batchwitness/v1/leiden/hall/BR-01/readings', 'values.pH', 'not_a_number', 'x is no number', 'x',
    '2026-01-02Z', '\x01');
INSERT INTO import_run (import_run_id, actor, reason, mapping, mapping_digest) OVERRIDING SYSTEM VALUE VALUES
    (1, 'mara', 'history', '[[file]]', '\x01');
INSERT INTO import_file (import_file_id, import_run_id, name, digest, meaning_digest, bytes, begun_at)
OVERRIDING SYSTEM VALUE VALUES (1, 1, 'trend.csv', '\x01', '\x02', 100, '2026-01-01Z');
INSERT INTO import_block (chain_id, block_seq, import_file_id, after_line, last_line) VALUES (1, 1, 1, 0, 10);
INSERT INTO manual_entry (tag_id, source_time, value_text, capture_mode, checked, entered_by, entered_at, checked_by,
    page_image, time_resolution_s, value_resolution, chain_id, block_seq, entry) VALUES
    (3, '2026-01-02Z', '37.0', 'manual', 'double_entry', 'mara', '2026-01-02 04:00Z', 'ben', 'p1.png', 900, 0.1, 1, 1, 0);
INSERT INTO entry_disagreement (tag_id, source_time, first_text, first_by, second_text, second_by, chain_id, block_seq,
    entry) VALUES (3, '2026-01-03Z', '37.0', 'mara', '37.5', 'ben', 1, 1, 0);
INSERT INTO quarantine_decision (quarantine_id, sequence, state, actor, reason, known_at) VALUES
    (1, 1, 'requested', 'mara', 'described', '2026-01-03Z');
INSERT INTO quarantine_minute (minute, topic, refused, held_back) VALUES ('2026-01-02Z', '#', 12000, 2000);
INSERT INTO publisher (publisher, boot, first_seq, last_seq, first_heard) VALUES ('edge-1', 1, 1, 100, '2026-01-01Z');
INSERT INTO publisher_unit (publisher, unit_id, found_time) VALUES ('edge-1', 1, '2026-01-01Z');
INSERT INTO sequence_gap (publisher, boot, first_seq, last_seq, after_time, before_time, found_time) VALUES
    ('edge-1', 1, 5, 7, '2026-01-02Z', '2026-01-03Z', '2026-01-02Z');
INSERT INTO listening (chain_id, since, until, block_seq) VALUES
    (1, '2026-01-01Z', '2026-01-02Z', 1), (1, '2026-01-03Z', '2026-01-25Z', 3);
INSERT INTO reading_again (chain_id, block_seq, entry, unit_id, source_time, tag_ids) VALUES
    (1, 2, 0, 1, '2026-01-02Z', '{1,2}');

INSERT INTO reading (tag_id, source_time, value, quality, received_time, chain_id, block_seq)
SELECT tag_id, source_time, CASE tag_id WHEN 2 THEN 7 ELSE 37 END + (extract(hour FROM source_time AT TIME ZONE 'UTC')::integer % 4) / 2.0,
    CASE WHEN extract(hour FROM source_time AT TIME ZONE 'UTC') = 5 THEN 0 ELSE 192 END, source_time + interval '1 s', 1, 1
FROM (VALUES (1, 60), (2, 60), (3, 720), (4, 1440)) AS tag (tag_id, every_min),
    generate_series('2026-01-01Z'::timestamptz, '2026-02-05Z', interval '1 minute' * every_min) AS source_time
ORDER BY tag_id, source_time;
INSERT INTO reading_conflict (tag_id, source_time, value, quality, received_time, chain_id, block_seq, entry) VALUES
    (1, '2026-01-02Z', 99, 192, '2026-01-02Z', 1, 2, 0);
-- One act about three readings of a tag, a day of another taken back, and an end that was told too late.
INSERT INTO correction (correction_id, kind, sentence, actor, reason, known_at, chain_id, block_seq)
OVERRIDING SYSTEM VALUE VALUES
    (1, 'readings', 'three readings', 'mara', 'the probe was out', '2026-02-06Z', 1, 1),
    (2, 'intervals', 'the end of CT-1', 'mara', 'the log book', '2026-02-07Z', 1, 2);
INSERT INTO reading_revision (tag_id, source_time, sequence, kind, value, quality, correction_id, known_at) VALUES
    (1, '2026-01-01 03:00Z', 1, 'corrected', 36.5, 192, 1, '2026-02-06Z'),
    (1, '2026-01-02 03:00Z', 1, 'invalidated', 38.5, 0, 1, '2026-02-06Z'),
    (1, '2026-01-02 04:00Z', 1, 'invalidated', 37, 0, 1, '2026-02-06Z'),
    (1, '2026-01-02 04:00Z', 2, 'reinstated', 37, 192, 1, '2026-02-06Z');
SELECT set_config('batchwitness.correction', '2', false);
UPDATE unit_procedure SET during = '[2026-01-01 00:00Z,2026-01-13 00:30Z)' WHERE unit_procedure_id = 1;
UPDATE phase SET during = '[2026-01-01 00:30Z,2026-01-03 00:00Z)' WHERE phase_id = 1;
SELECT set_config('batchwitness.correction', '', false);
UPDATE interval_revision SET known_at = '2026-01-14Z' WHERE correction_id IS NULL;
INSERT INTO overview (tag_id, resolution_s, bucket, count, minimum, mean, maximum, last)
SELECT tag_id, 3600, source_time, 1, value, value, value, value FROM reading WHERE tag_id IN (1, 2) AND quality > 0;
INSERT INTO tag_latest (tag_id, source_time, value, quality)
SELECT DISTINCT ON (tag_id) tag_id, source_time, value, quality FROM reading ORDER BY tag_id, source_time DESC;

INSERT INTO arrival (tag_id, bucket, readings, late, imported, bad)
SELECT tag_id, source_time, 1, 0, 0, 0 FROM reading WHERE tag_id IN (1, 2);
INSERT INTO arrival_lag (unit_id, position_id, bucket, kind, bin, readings, least_us, most_us) VALUES
    (1, NULL, '2026-01-02Z', 'received', 260, 2, 900, 1000), (1, NULL, '2026-01-02Z', 'committed', 261, 2, 1000, 1100);
INSERT INTO out_of_order (tag_id, chain_id, block_seq, first_time, last_time, readings) VALUES
    (1, 1, 2, '2026-01-02Z', '2026-01-02 05:00Z', 3);
INSERT INTO tag_gap (unit_procedure_id, tag_id, after_time, before_time, from_time, to_time, missing, interval_s, cause,
    found_time) VALUES
    (1, 3, '2026-01-02Z', '2026-01-03Z', '2026-01-02Z', '2026-01-03Z', 4, 3600, 'tag_silent', '2026-01-03Z'),
    (2, 2, '2026-01-24Z', NULL, '2026-01-24Z', NULL, NULL, 3600, 'tag_silent', '2026-01-25Z');
INSERT INTO gap_horizon (reached, plant_time, host_time, rate, tag_version_id) VALUES
    ('2026-01-25Z', '2026-01-25Z', '2026-02-01Z', 60, 1);

INSERT INTO qc_result (result, batch, batch_id, specimen, attribute, method, value_text, value_number, censored,
    unit_of_measure, measured_at, status, stated_by, received_time, known_at, chain_id, block_seq, entry, digest)
VALUES
    ('L-1', 'CT-1', 1, 'S-9', 'viability', 'NC-200', '91', 91, NULL, '%', '2026-01-13Z', 'preliminary', 'lab',
        '2026-01-13Z', '2026-01-13Z', 1, 1, 1, '\x01'),
    ('L-1', 'CT-1', 1, 'S-9', 'viability', 'NC-200', '92', 92, NULL, '%', '2026-01-13Z', 'corrected', 'lab',
        '2026-01-14Z', '2026-01-14Z', 1, 1, 2, '\x02'),
    ('L-2', 'CT-9', NULL, NULL, 'endotoxin', 'LAL', '<0.5', 0.5, '<', '[EU]/mL', '2026-01-13Z', 'final', 'lab',
        '2026-01-13Z', '2026-01-13 01:00Z', 1, 1, 3, '\x03');
INSERT INTO qc_result (result, batch, batch_id, specimen, attribute, method, value_text, value_number, unit_of_measure,
    sampled_at, measured_at, status, retest_of, reason, stated_by, stated_at, reportable, received_time, known_at,
    chain_id, block_seq, entry, digest)
VALUES ('L-3', 'CT-1', 1, 'S-9', 'viability', 'NC-200', '90', 90, '%', '2026-01-12Z', '2026-01-13Z', 'final', 'L-1',
    'OOS-17', 'lab', '2026-01-14Z', 'mean', '2026-01-14Z', '2026-01-14 01:00Z', 1, 1, 4, '\x04');
INSERT INTO qc_replicate (qc_result_id, position, value_text, value_number, valid, reason) VALUES
    (4, 0, '90', 90, true, NULL), (4, 1, '12', 12, false, 'clumped');
INSERT INTO reference (reference_id, name, role, process_version_id, state, model, digest, software, drafted_by, review,
    known_at)
OVERRIDING SYSTEM VALUE VALUES (1, 'new 1', 'new', 2, 'in_use', '\x00', '\x01', '1', 'mia', '{"batches": []}', '2026-01-15Z');
INSERT INTO reference_decision (reference_id, state, actor, reason, known_at, digest, model_sha256,
    packet_sha256)
VALUES (1, 'approved', 'quinn', 'fit', '2026-01-15Z', '\x01', '\x02', '\x03');
INSERT INTO reference_batch (reference_id, batch_id, input_digest, starting_material) VALUES (1, 1, '\x01', 'patient');
INSERT INTO reference_input (reference_id, batch_id, correction_id, input_digest) VALUES (1, 1, 1, '\x02');
INSERT INTO intake (ordinal, chain_id, seq) VALUES (1, 1, 1), (2, 1, 2);
INSERT INTO monitor (monitor_id, batch_id, unit_procedure_id, reference_new_id, software, configuration,
    started_ordinal, position, snapshot)
OVERRIDING SYSTEM VALUE VALUES (1, 2, 2, 1, '1', '{"tags": []}', 1, 1, '{"worst": 0.5}');
INSERT INTO alert (alert_id, monitor_id, batch_id, unit_id, ordinal, kind, detector, tags, raised_time, onset_time,
    phase_time_h, score, limit_value, sentence, contributions, cells, software, intake_ordinal, committed_time)
OVERRIDING SYSTEM VALUE VALUES (1, 1, 2, 1, 1, 'drift', 'ewma', '{temperature}', '2026-01-22Z', '2026-01-21Z', 48, 4,
    3, 'temperature drifts', '[]', '[]', '1', 2, '2026-01-22Z');
INSERT INTO alert_update (alert_id, version, detector, tags, score, limit_value, sentence, contributions, cells,
    intake_ordinal, committed_time)
VALUES (1, 1, 'ewma', '{temperature,pH}', 5, 3, 'both drift', '[]', '[]', 2, '2026-01-23Z');
INSERT INTO self_check (monitor_id, position, software, alerts, steps, disagreements, started_time, finished_time)
VALUES (1, 1, '1', 1, 2, '[]', '2026-01-24Z', '2026-01-24 00:01Z');
INSERT INTO alert_decision (alert_id, version, state, actor, comment, known_at) VALUES
    (1, 1, 'acknowledged', 'mara', 'seen', '2026-01-24Z');
INSERT INTO actor (actor_id, name, kind, printed_name, roles, known_at) OVERRIDING SYSTEM VALUE VALUES
    (1, 'mara', 'person', 'Mara Ott', '{qa}', '2026-01-01Z');

INSERT INTO edge_node (edge_node_id, server, edge_group, node, state, cause, since, bd_seq, last_seq, born_time,
    heard_time)
OVERRIDING SYSTEM VALUE VALUES (1, 'broker:1883', 'basel:hall-1', 'edge-1', 'online', 'NBIRTH', '2026-01-20Z', 4, 7,
    '2026-01-20Z', '2026-01-21Z');
INSERT INTO edge_device (edge_node_id, device, state, since) VALUES (1, 'BR-01', 'offline', '2026-01-20 06:00Z');
INSERT INTO edge_unit (edge_node_id, device, unit_id) VALUES (1, 'BR-01', 1);
INSERT INTO edge_metric (edge_node_id, device, metric, tag_id, led_by, why, since) VALUES
    (1, 'BR-01', 'Heater/PV', 1, 'table', NULL, '2026-01-20Z'),
    (1, 'BR-01', 'odd', NULL, NULL, 'odd leads to no known tag', '2026-01-20Z');
INSERT INTO edge_node_event (edge_node_id, kind, note, time, chain_id, block_seq) VALUES
    (1, 'online', 'NBIRTH', '2026-01-20Z', 1, 1);
INSERT INTO edge_gap (edge_node_id, cause, first_seq, last_seq, messages, from_time, until_time, chain_id, block_seq)
VALUES (1, 'sequence', 3, 4, 2, '2026-01-20 01:00Z', '2026-01-20 01:01Z', 1, 1);
INSERT INTO sparkplug_mapping (edge_group, node, device, metric, unit_id, tag) VALUES
    ('basel:hall-1', '*', 'BR-01', 'Heater/PV', 1, 'temperature');
INSERT INTO control_chart (control_chart_id, process_version_id, attribute, tag, phase, summary, scale,
    unit_of_measure, known_at)
OVERRIDING SYSTEM VALUE VALUES
    (1, 2, 'viability', NULL, NULL, NULL, 'linear', '%', '2026-01-14Z'),
    (2, 2, NULL, 'temperature', 'activation', 'mean', 'linear', 'Cel', '2026-01-14Z');
INSERT INTO control_limit (control_limit_id, control_chart_id, version, kind, state, centre, sigma, n, autocorrelation,
    rules, points, left_out, drafted_by, reason, known_at, used_from, used_by, chain_id, block_seq)
OVERRIDING SYSTEM VALUE VALUES
    (1, 1, 1, 'initial', 'in_use', 90, 1, 6, 0.1, '{nelson_1}', '[]', '[]', 'mara', 'begin', '2026-01-14Z',
        '2026-01-15Z', 'mara', 1, 1),
    (2, 1, 2, 'initial', 'draft', 90, 1, 7, 0.1, '{nelson_1}', '[]', '[]', 'mara', 'more', '2026-01-16Z', NULL, NULL,
        NULL, NULL);
INSERT INTO chart_point (control_chart_id, batch_id, revision, started, value, value_text, qc_result_id,
    intake_ordinal, committed_time)
VALUES (1, 1, 1, '2026-01-01Z', 91, '91', 1, 1, '2026-01-16Z'), (1, 1, 2, '2026-01-01Z', 92, '92', 2, 2, '2026-01-17Z');
INSERT INTO chart_signal (control_chart_id, batch_id, rule, side, revision, holds, control_limit_id, statistic,
    limit_value, points, sentence, software, intake_ordinal, committed_time)
VALUES (1, 1, 'nelson_1', 'above', 1, true, 1, 94, 93, 1, 'viability of CT-1 is 94 %', '1', 1, '2026-01-16Z');
INSERT INTO alert (alert_id, control_limit_id, ordinal, kind, severity, detector, tags, raised_time, onset_time, score,
    limit_value, sentence, contributions, cells, software, intake_ordinal, committed_time)
OVERRIDING SYSTEM VALUE VALUES (2, 1, 1, 'signal', 'medium', 'nelson_1', '{}', '2026-01-16Z', '2026-01-01Z', 94, 93,
    'viability of CT-1 is 94 %', '[]', '[]', '1', 1, '2026-01-16Z');
INSERT INTO signal_batch (alert_id, batch_id, version) VALUES (2, 1, 0);
INSERT INTO self_check (control_chart_id, position, software, alerts, steps, disagreements, started_time, finished_time)
VALUES (1, 1, '1', 1, 3, '[]', '2026-01-24 00:02Z', '2026-01-24 00:03Z');
INSERT INTO monitor_score (monitor_id, cell, ended_time, tags, ratio, layer)
VALUES (1, 0, '2026-01-01 00:30Z', '{pH}', '{0.5}', '{ewma}');
INSERT INTO departure_point (monitor_id, point, point_time, tags, value, expected, sd, reach, limit_value)
VALUES (1, 0, '2026-01-01 12:00Z', '{temperature,pH}', '{37.1,NULL}', '{37.0,7.2}', '{0.1,0.05}', '{2.2,NULL}',
    '{5,NULL}');
INSERT INTO departure (monitor_id, phase, tag, declared, seen, inside, mean_distance, largest_distance, largest_h,
    intake_ordinal, committed_time)
VALUES (1, 'activation', 'temperature', 4, 3, 2, 0.5, 2.5, 12, 2, '2026-01-25Z');
