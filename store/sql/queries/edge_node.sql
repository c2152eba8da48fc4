-- set_session: Make an edge node known, or move its session on.
INSERT INTO edge_node (server, edge_group, node, state, cause, since, bd_seq, last_seq, born_time, heard_time)
VALUES (%(server)s, %(edge_group)s, %(node)s, %(state)s, %(cause)s, %(since)s, %(bd_seq)s, %(last_seq)s,
    %(born_time)s, %(heard_time)s)
ON CONFLICT (server, edge_group, node) DO UPDATE SET state = EXCLUDED.state, cause = EXCLUDED.cause,
    since = EXCLUDED.since, bd_seq = EXCLUDED.bd_seq, last_seq = EXCLUDED.last_seq, born_time = EXCLUDED.born_time,
    heard_time = EXCLUDED.heard_time
RETURNING edge_node_id;

-- reset_devices: A node was born: its devices have to be born again.
UPDATE edge_device SET state = 'unknown' WHERE edge_node_id = %(edge_node_id)s AND state = 'online';

-- set_device: Make a device of an edge node known, or say what became of it.
INSERT INTO edge_device (edge_node_id, device, state, since)
VALUES (%(edge_node_id)s, %(device)s, %(state)s, %(since)s)
ON CONFLICT (edge_node_id, device) DO UPDATE SET state = EXCLUDED.state, since = EXCLUDED.since;

-- add_unit: Remember that readings of a unit come through a node or its device.
INSERT INTO edge_unit (edge_node_id, device, unit_id) VALUES (%(edge_node_id)s, %(device)s, %(unit_id)s)
ON CONFLICT DO NOTHING;

-- set_metric: Remember where a metric leads, and since when, unless that is known.
INSERT INTO edge_metric (edge_node_id, device, metric, tag_id, led_by, why, since)
VALUES (%(edge_node_id)s, %(device)s, %(metric)s, %(tag_id)s, %(led_by)s, %(why)s, %(since)s)
ON CONFLICT (edge_node_id, device, metric) DO UPDATE SET tag_id = EXCLUDED.tag_id, led_by = EXCLUDED.led_by,
    why = EXCLUDED.why, since = EXCLUDED.since
WHERE (edge_metric.tag_id, edge_metric.led_by, edge_metric.why)
    IS DISTINCT FROM (EXCLUDED.tag_id, EXCLUDED.led_by, EXCLUDED.why);

-- insert_event: Write down a change of a session.
INSERT INTO edge_node_event (edge_node_id, device, kind, note, time, chain_id, block_seq)
VALUES (%(edge_node_id)s, %(device)s, %(kind)s, %(note)s, %(time)s, %(chain_id)s, %(block_seq)s)
ON CONFLICT DO NOTHING;

-- insert_gap: Write down a loss.
INSERT INTO edge_gap (edge_node_id, cause, first_seq, last_seq, messages, from_time, until_time, chain_id, block_seq)
VALUES (%(edge_node_id)s, %(cause)s, %(first_seq)s, %(last_seq)s, %(messages)s, %(from_time)s, %(until_time)s,
    %(chain_id)s, %(block_seq)s)
ON CONFLICT DO NOTHING;

-- fill_gap: A message that was missing came after all.
UPDATE edge_gap SET filled = edge_gap.filled || %(seq)s::smallint
WHERE edge_gap_id = (
    SELECT max(edge_gap_id) FROM edge_gap
    WHERE edge_node_id = %(edge_node_id)s AND cause = 'sequence'
        AND (%(seq)s::integer - first_seq + 256) %% 256 <= (last_seq - first_seq + 256) %% 256
) AND NOT %(seq)s::smallint = ANY (filled);

-- sessions: The edge nodes of a server as the last block left them.
SELECT edge_group, node, state, cause, since, bd_seq, last_seq, born_time, heard_time
FROM edge_node WHERE server = %(server)s;

-- alive_until: When the last block of a chain was committed: until then its holder listened.
SELECT block.committed_time FROM block WHERE block.chain_id = %(chain_id)s AND block.seq = %(seq)s;

-- mapping: Whose values metrics are, where somebody said so.
SELECT sparkplug_mapping.edge_group, sparkplug_mapping.node, sparkplug_mapping.device, sparkplug_mapping.metric,
    site.name, area.name, unit.name, position.name, sparkplug_mapping.tag
FROM sparkplug_mapping
JOIN unit USING (unit_id) JOIN area USING (area_id) JOIN site USING (site_id)
LEFT JOIN position USING (position_id)
WHERE sparkplug_mapping.in_force;

-- requested: What people ask to take again of what edge nodes said, in the order it came.
SELECT decision.quarantine_id, quarantine.chain_id, quarantine.block_seq, quarantine.entry, quarantine.item,
    quarantine.code, quarantine.topic
FROM quarantine_decision AS decision JOIN quarantine USING (quarantine_id)
WHERE decision.state = 'requested' AND quarantine.topic LIKE 'spBv1.0/%%'
    AND decision.known_at <= now() - make_interval(secs => %(settled_s)s)
    AND NOT EXISTS (
        SELECT FROM quarantine_decision AS later
        WHERE later.quarantine_id = decision.quarantine_id AND later.sequence > decision.sequence
    )
ORDER BY quarantine.chain_id, quarantine.block_seq, quarantine.entry, quarantine.quarantine_id
LIMIT %(limit)s;

-- born_before: The block of the newest birth of an edge node that is not after a block.
SELECT max(edge_node_event.block_seq) FROM edge_node_event JOIN edge_node USING (edge_node_id)
WHERE edge_node.edge_group = %(edge_group)s AND edge_node.node = %(node)s
    AND edge_node_event.kind = 'online' AND edge_node_event.device IS NULL
    AND edge_node_event.chain_id = %(chain_id)s AND edge_node_event.block_seq <= %(block_seq)s;

-- interrupted: When it was no longer known what an edge node's aliases mean, from a block on.
SELECT edge_node_event.time FROM edge_node_event JOIN edge_node USING (edge_node_id)
WHERE edge_node.edge_group = %(edge_group)s AND edge_node.node = %(node)s
    AND edge_node_event.kind = 'unknown' AND edge_node_event.device IS NULL
    AND edge_node_event.chain_id = %(chain_id)s AND edge_node_event.block_seq >= %(block_seq)s
ORDER BY edge_node_event.time;

-- bodies: What the blocks of a chain hold, from one on.
SELECT seq, raw FROM block_body WHERE chain_id = %(chain_id)s AND seq >= %(from_seq)s ORDER BY seq LIMIT %(limit)s;
