-- Besides the layer in which a tag came nearest to its limit, the others in which it came near: one entry for each.
ALTER TABLE monitor_score
    ADD COLUMN further_tag text[] NOT NULL DEFAULT '{}',
    ADD COLUMN further_ratio real[] NOT NULL DEFAULT '{}',
    ADD COLUMN further_layer text[] NOT NULL DEFAULT '{}',
    ADD CHECK (cardinality(further_tag) = cardinality(further_ratio)
        AND cardinality(further_tag) = cardinality(further_layer));
