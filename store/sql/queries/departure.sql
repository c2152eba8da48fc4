-- insert: State how a run found its batch to lie to the old process.
INSERT INTO departure (monitor_id, phase, tag, declared, seen, inside, mean_distance, largest_distance, largest_h,
    intake_ordinal)
VALUES (%(monitor_id)s, %(phase)s, %(tag)s, %(declared)s, %(seen)s, %(inside)s, %(mean_distance)s,
    %(largest_distance)s, %(largest_h)s, %(intake_ordinal)s);

-- insert_point: Keep a matched point as a run compared it.
INSERT INTO departure_point (monitor_id, point, point_time, tags, value, expected, sd, reach, limit_value)
VALUES (%(monitor_id)s, %(point)s, %(point_time)s, %(tags)s, %(value)s, %(expected)s, %(sd)s, %(reach)s,
    %(limit_value)s);

-- of_batch: What runs stated of a batch, the newest run first; an earlier one was superseded by a correction.
SELECT monitor.run, monitor.until_ordinal IS NOT NULL AS superseded, departure.phase, departure.tag,
    departure.declared, departure.seen, departure.inside, departure.mean_distance, departure.largest_distance,
    departure.largest_h, departure.committed_time, reference.name AS reference
FROM departure
JOIN monitor USING (monitor_id)
LEFT JOIN reference ON reference.reference_id = monitor.reference_old_id
WHERE monitor.batch_id = %(batch_id)s
ORDER BY monitor.run DESC, (
    SELECT min(lower(phase.during)) FROM phase
    WHERE phase.unit_procedure_id = monitor.unit_procedure_id AND phase.name = departure.phase
) NULLS FIRST, departure.phase, departure.tag;
