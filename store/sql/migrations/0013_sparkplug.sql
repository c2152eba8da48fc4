-- Sparkplug: which edge nodes and devices speak, whether they are alive, what was lost of them, whom they speak for.
CREATE TABLE edge_node (
    edge_node_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    server text NOT NULL,      -- the MQTT server it was heard through, "host:port"
    edge_group text NOT NULL,
    node text NOT NULL,
    state text NOT NULL CHECK (state IN ('unknown', 'online', 'offline')),
    cause text NOT NULL,       -- of the state: "NBIRTH", "NDEATH", "link lost", "host started"
    since timestamptz NOT NULL,
    bd_seq bigint,             -- of the birth that opened the session; null: it had none
    last_seq smallint CHECK (last_seq BETWEEN 0 AND 255),  -- of the newest message taken in order
    born_time timestamptz,     -- receipt of the newest NBIRTH
    heard_time timestamptz NOT NULL,  -- receipt of the newest message
    UNIQUE (server, edge_group, node)
);
CREATE TABLE edge_device (
    edge_node_id integer NOT NULL REFERENCES edge_node,
    device text NOT NULL,
    state text NOT NULL CHECK (state IN ('unknown', 'online', 'offline')),
    since timestamptz NOT NULL,
    PRIMARY KEY (edge_node_id, device)
);
-- Whose readings come through a node or one of its devices ("" for the node itself).
CREATE TABLE edge_unit (
    edge_node_id integer NOT NULL REFERENCES edge_node,
    device text NOT NULL,
    unit_id integer NOT NULL REFERENCES unit,
    PRIMARY KEY (edge_node_id, device, unit_id)
);
-- Every change of a session, in the order it was taken.
CREATE TABLE edge_node_event (
    edge_node_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    edge_node_id integer NOT NULL REFERENCES edge_node,
    device text,               -- null: of the node itself
    kind text NOT NULL CHECK (kind IN (
        'online', 'offline', 'unknown', 'rebirth_requested', 'not_conformant')),
    note text NOT NULL,
    time timestamptz NOT NULL, -- from when it holds
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    -- What is committed again because nobody knew whether it had been is there once.
    UNIQUE NULLS NOT DISTINCT (edge_node_id, device, kind, time, note),
    FOREIGN KEY (chain_id, block_seq) REFERENCES block
);
CREATE INDEX edge_node_event_block ON edge_node_event (chain_id, block_seq);
-- What is known, or must be feared, to be lost of a node: messages that nobody can ask for again.
CREATE TABLE edge_gap (
    edge_gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    edge_node_id integer NOT NULL REFERENCES edge_node,
    cause text NOT NULL CHECK (cause IN (
        'sequence',    -- numbers left out between two messages
        'host_away',   -- this host, its link or its store was away while the node may have spoken
        'spool_full'   -- arrived and could not be kept while the store was away
    )),
    first_seq smallint,
    last_seq smallint,
    messages bigint CHECK (messages > 0),  -- null: nobody knows how many
    filled smallint[] NOT NULL DEFAULT '{}', -- numbers of a sequence that came after all
    from_time timestamptz NOT NULL,        -- receipt of the last message before
    until_time timestamptz NOT NULL,       -- receipt of the first message after
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    CHECK (from_time <= until_time),
    UNIQUE NULLS NOT DISTINCT (edge_node_id, until_time, from_time, cause, first_seq),
    FOREIGN KEY (chain_id, block_seq) REFERENCES block
);
CREATE INDEX edge_gap_block ON edge_gap (chain_id, block_seq);

-- Whose value a metric is, where the rule of the names does not say it. "*" stands for any text in a pattern.
CREATE TABLE sparkplug_mapping (
    sparkplug_mapping_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    edge_group text NOT NULL,
    node text NOT NULL,
    device text NOT NULL,      -- "" for metrics of the node itself
    metric text NOT NULL,
    unit_id integer NOT NULL REFERENCES unit,
    position_id integer REFERENCES position,
    tag text,                  -- null: named by the last part of the metric's name
    in_force boolean NOT NULL DEFAULT true,
    UNIQUE (edge_group, node, device, metric)
);

GRANT INSERT ON edge_node, edge_device, edge_unit, edge_node_event, edge_gap TO batchwitness_ingest;
GRANT UPDATE (state, cause, since, bd_seq, last_seq, born_time, heard_time) ON edge_node TO batchwitness_ingest;
GRANT UPDATE (state, since) ON edge_device TO batchwitness_ingest;
GRANT UPDATE (filled) ON edge_gap TO batchwitness_ingest;
GRANT INSERT, UPDATE (unit_id, position_id, tag, in_force) ON sparkplug_mapping TO batchwitness_api;

-- Whether a unit that is spoken for by Sparkplug can be heard: the worst of its nodes and devices.
CREATE VIEW unit_edge_state AS
SELECT edge_unit.unit_id,
    CASE
        WHEN bool_or(edge_node.state = 'offline' OR edge_device.state = 'offline') THEN 'offline'
        WHEN bool_or(edge_node.state = 'unknown' OR edge_device.state = 'unknown') THEN 'unknown'
        ELSE 'online'
    END AS state,
    max(greatest(edge_node.since, edge_device.since)) AS since
FROM edge_unit
JOIN edge_node USING (edge_node_id)
LEFT JOIN edge_device ON edge_device.edge_node_id = edge_unit.edge_node_id AND edge_device.device = edge_unit.device
GROUP BY edge_unit.unit_id;

GRANT SELECT ON edge_node, edge_device, edge_unit, edge_node_event, edge_gap, sparkplug_mapping, unit_edge_state
    TO batchwitness_readonly;
GRANT SELECT ON edge_node, edge_device, edge_unit, edge_node_event, edge_gap, sparkplug_mapping, unit_edge_state
    TO batchwitness_retain;
GRANT SELECT ON unit_edge_state TO batchwitness_ingest, batchwitness_analytics, batchwitness_api;
