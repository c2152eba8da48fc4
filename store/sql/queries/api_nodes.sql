-- nodes: What speaks for several units, with the units and the source time of its own last word where it tells one.
SELECT 'publisher' AS kind, publisher_unit.publisher AS name, last.time AS last_word, last.heard,
    array_agg(publisher_unit.unit_id) AS units
FROM publisher_unit
LEFT JOIN LATERAL (
    SELECT max(publisher.last_time) AS time, max(publisher.first_heard) AS heard
    FROM publisher WHERE publisher.publisher = publisher_unit.publisher
) AS last ON true
GROUP BY publisher_unit.publisher, last.time, last.heard
UNION ALL
SELECT 'edge_node', edge_node.edge_group || '/' || edge_node.node, NULL, edge_node.heard_time,
    array_agg(DISTINCT edge_unit.unit_id)
FROM edge_node JOIN edge_unit USING (edge_node_id)
GROUP BY edge_node.edge_node_id;

-- silences: Silences that last, of batches that run, with where and since when.
SELECT monitor.unit_procedure_id, alert_now.alert_id AS alert, alert_now.tags, alert_now.onset_time AS since,
    alert_now.raised_time, alert_now.limit_value AS delay_s, alert_now.state
FROM alert_now
JOIN monitor USING (monitor_id)
JOIN unit_procedure ON unit_procedure.unit_procedure_id = monitor.unit_procedure_id
WHERE alert_now.kind = 'silence' AND alert_now.ended_time IS NULL AND alert_now.state <> 'closed'
    AND NOT alert_now.superseded AND upper_inf(unit_procedure.during)
ORDER BY alert_now.alert_id;
