-- insert: How near a run found each tag to its limits in a cell.
INSERT INTO monitor_score (monitor_id, cell, ended_time, tags, ratio, layer, further_tag, further_ratio, further_layer)
VALUES (%(monitor_id)s, %(cell)s, %(ended_time)s, %(tags)s, %(ratio)s, %(layer)s, %(further_tag)s, %(further_ratio)s,
    %(further_layer)s);

-- of_batch: The cells of the runs that stand, or of those of a number, in order of time.
SELECT monitor_score.ended_time, monitor_score.tags, monitor_score.ratio, monitor_score.layer,
    monitor_score.further_tag, monitor_score.further_ratio, monitor_score.further_layer
FROM monitor_score
JOIN monitor USING (monitor_id)
WHERE monitor.batch_id = %(batch_id)s
    AND CASE WHEN %(run)s::integer IS NULL THEN monitor.until_ordinal IS NULL ELSE monitor.run = %(run)s END
ORDER BY monitor_score.ended_time;

-- marks: What people, machines and the laboratory did to a batch and its units, in order of time.
SELECT event.event_id AS event, event.kind, event.source_time, unit.name AS unit, event.body ->> 'tag' AS tag,
    event.body ->> 'material' AS material, event.body ->> 'lot' AS lot, event.body ->> 'reason' AS reason,
    event.body ->> 'comment' AS comment
FROM event
JOIN unit USING (unit_id)
WHERE event.kind = ANY(%(kinds)s)
    AND (event.batch_id = %(batch_id)s OR event.batch_id IS NULL AND EXISTS (
        SELECT FROM unit_procedure
        WHERE unit_procedure.unit_id = event.unit_id AND unit_procedure.batch_id = %(batch_id)s
            AND unit_procedure.during @> event.source_time
    ))
ORDER BY event.source_time, event.event_id
LIMIT 2000;
