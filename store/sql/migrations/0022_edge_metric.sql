-- Where each metric of an edge node led when a value of it last came: to which tag, by the table or by the rule, or nowhere.
CREATE TABLE edge_metric (
    edge_metric_id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    edge_node_id integer NOT NULL REFERENCES edge_node,
    device text NOT NULL,       -- "" for metrics of the node itself
    metric text NOT NULL,
    tag_id integer REFERENCES tag,  -- null: nowhere
    led_by text CHECK (led_by IN ('table', 'rule')),
    why text,                   -- it leads nowhere
    since timestamptz NOT NULL, -- receipt of the first value from which on this has been so
    PRIMARY KEY (edge_node_id, device, metric),
    CHECK ((tag_id IS NULL) = (led_by IS NULL) AND (tag_id IS NULL) = (why IS NOT NULL))
);
GRANT INSERT, UPDATE (tag_id, led_by, why, since) ON edge_metric TO batchwitness_ingest;
GRANT SELECT ON edge_metric TO batchwitness_readonly, batchwitness_retain;
