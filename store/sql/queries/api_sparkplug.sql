-- counts: How many metrics of edge nodes the table leads, how many the rule, and how many lead nowhere.
SELECT count(*) FILTER (WHERE led_by = 'table') AS by_table, count(*) FILTER (WHERE led_by = 'rule') AS by_rule,
    count(*) FILTER (WHERE led_by IS NULL) AS nowhere,
    (SELECT count(*) FROM sparkplug_mapping WHERE in_force) AS lines
FROM edge_metric;

-- metrics: Metrics of edge nodes in the order they were first seen, above a cursor, with where each leads and the newest reading there.
SELECT edge_metric.edge_metric_id AS metric_id, edge_node.server, edge_node.edge_group AS "group", edge_node.node,
    edge_node.state, edge_node.heard_time, edge_metric.device, edge_metric.metric, edge_metric.led_by, edge_metric.why,
    edge_metric.since, site.name AS site, area.name AS area, unit.name AS unit, position.name AS position,
    tag_now.name AS tag, tag_now.unit_of_measure, tag_now.mapped AS described,
    tag_latest.value, tag_latest.source_time
FROM edge_metric
JOIN edge_node USING (edge_node_id)
LEFT JOIN tag_now USING (tag_id)
LEFT JOIN unit ON unit.unit_id = tag_now.unit_id
LEFT JOIN area USING (area_id)
LEFT JOIN site USING (site_id)
LEFT JOIN position ON position.position_id = tag_now.position_id
LEFT JOIN tag_latest ON tag_latest.tag_id = edge_metric.tag_id
WHERE edge_metric.edge_metric_id > %(above)s
    AND CASE %(leads)s WHEN 'anywhere' THEN true WHEN 'nowhere' THEN edge_metric.led_by IS NULL
        ELSE edge_metric.led_by IS NOT DISTINCT FROM %(leads)s END
    AND (%(search)s = '' OR strpos(lower(concat_ws(' ', edge_node.edge_group || '/' || edge_node.node,
        edge_metric.device || '/' || edge_metric.metric, unit.name || '/' || tag_now.name)), lower(%(search)s)) > 0)
ORDER BY edge_metric.edge_metric_id
LIMIT %(limit)s;

-- lines: The lines of the mapping, above a cursor, with who last said so, when and why.
SELECT line.sparkplug_mapping_id AS line_id, line.edge_group AS "group", line.node, line.device, line.metric,
    site.name AS site, area.name AS area, unit.name AS unit, position.name AS position, line.tag, line.in_force,
    said.known_at AS since, said.actor, said.reason
FROM sparkplug_mapping AS line
JOIN unit USING (unit_id)
JOIN area USING (area_id)
JOIN site USING (site_id)
LEFT JOIN position USING (position_id)
LEFT JOIN LATERAL (
    SELECT audit_event.known_at, audit_event.actor, audit_event.reason FROM audit_event
    WHERE audit_event.subject =
        'sparkplug_mapping:' || line.edge_group || '/' || line.node || '/' || line.device || '/' || line.metric
    ORDER BY audit_event.seq DESC LIMIT 1
) AS said ON true
WHERE line.sparkplug_mapping_id > %(above)s
    AND (%(search)s = '' OR strpos(lower(concat_ws(' ', line.edge_group || '/' || line.node,
        line.device || '/' || line.metric, unit.name || '/' || line.tag)), lower(%(search)s)) > 0)
ORDER BY line.sparkplug_mapping_id
LIMIT %(limit)s;
