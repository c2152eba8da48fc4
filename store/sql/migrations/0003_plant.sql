-- Where things are made, what is measured there, how products are made and what is judged.
CREATE TABLE site (
    site_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    timezone text NOT NULL DEFAULT 'UTC'
);
CREATE TABLE area (
    area_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id integer NOT NULL REFERENCES site,
    name text NOT NULL,
    UNIQUE (site_id, name)
);
CREATE TABLE unit (
    unit_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area_id integer NOT NULL REFERENCES area,
    name text NOT NULL,
    kind text NOT NULL,
    commissioned timestamptz NOT NULL,  -- readings from before it are quarantined
    UNIQUE (area_id, name)
);
CREATE TABLE position (
    position_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit_id integer NOT NULL REFERENCES unit,
    name text NOT NULL,
    UNIQUE (unit_id, name)
);

CREATE TABLE tag (
    tag_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit_id integer NOT NULL REFERENCES unit,
    position_id integer REFERENCES position,  -- null: the tag speaks for every position of the unit
    name text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE NULLS NOT DISTINCT (unit_id, position_id, name)
);
-- A tag without a version is unmapped: its readings are kept, nothing is concluded from them.
CREATE TABLE tag_version (
    tag_version_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tag_id integer NOT NULL REFERENCES tag,
    effective_from timestamptz NOT NULL,
    measurand text NOT NULL,
    unit_of_measure text NOT NULL,
    physical_low double precision,
    physical_high double precision,
    reporting_mode text NOT NULL CHECK (reporting_mode IN ('periodic', 'on_change', 'manual')),
    interval_s double precision CHECK (interval_s > 0),
    deadband double precision CHECK (deadband >= 0),
    capture_mode text NOT NULL CHECK (capture_mode IN ('automatic', 'manual')),
    known_at timestamptz NOT NULL,
    UNIQUE (tag_id, effective_from, known_at),
    CHECK (physical_low < physical_high)
);
-- Who may speak for a unit. A unit that is named here, also with allowed = false, takes nothing from anybody else.
CREATE TABLE registered_publisher (
    unit_id integer NOT NULL REFERENCES unit,
    publisher text NOT NULL,  -- as messages state it and, where the broker asks for users, its user there
    allowed boolean NOT NULL,
    PRIMARY KEY (unit_id, publisher)
);

CREATE TABLE product (
    product_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    modality text NOT NULL
);
CREATE TABLE process_version (
    process_version_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id integer NOT NULL REFERENCES product,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('pre_change', 'post_change')),
    description text NOT NULL DEFAULT '',
    UNIQUE (product_id, name)
);
CREATE TABLE manufacturing_change (
    manufacturing_change_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    from_process_version_id integer NOT NULL REFERENCES process_version,
    to_process_version_id integer NOT NULL REFERENCES process_version,
    context_of_use text NOT NULL,
    amt_designation text,
    reporting_category text NOT NULL,
    regulatory_status text NOT NULL CHECK (regulatory_status IN ('internal', 'submitted', 'agreed')),
    CHECK (from_process_version_id <> to_process_version_id)
);
-- An old tag stands for a new one only where somebody said so, and only in the phase they said it for.
CREATE TABLE tag_correspondence (
    tag_correspondence_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    manufacturing_change_id integer NOT NULL REFERENCES manufacturing_change,
    tag_new text NOT NULL,
    tag_old text NOT NULL,
    measurand text NOT NULL,
    sensor_principle_new text NOT NULL,
    sensor_principle_old text NOT NULL,
    phase text,  -- null: in all phases
    known_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (manufacturing_change_id, tag_new, phase)
);

CREATE TABLE attribute (
    attribute_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id integer NOT NULL REFERENCES product,
    name text NOT NULL,
    kind text NOT NULL CHECK (
        kind IN ('quality_attribute', 'process_parameter', 'in_process_control', 'release_test')),
    criticality text NOT NULL,
    scale text NOT NULL CHECK (scale IN ('linear', 'log', 'binary', 'ordinal', 'censored')),
    measurand text NOT NULL,
    unit_of_measure text NOT NULL,
    UNIQUE (product_id, name)
);
-- A limit on an attribute or on a tag. Never changed: a newer version takes its place from effective_from on.
CREATE TABLE limit_version (
    limit_version_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process_version_id integer NOT NULL REFERENCES process_version,
    attribute text,
    tag text,
    kind text NOT NULL CHECK (kind IN (
        'setpoint', 'normal_operating_range', 'proven_acceptable_range', 'alert_limit', 'action_limit',
        'control_limit', 'specification_limit')),
    low double precision,
    high double precision,
    unit_of_measure text NOT NULL,
    source text NOT NULL,
    effective_from timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CHECK (num_nonnulls(attribute, tag) = 1),
    CHECK (num_nonnulls(low, high) >= 1),
    CHECK (low <= high)
);
CREATE TABLE sampling_plan (
    sampling_plan_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process_version_id integer NOT NULL REFERENCES process_version,
    attribute text NOT NULL,
    specimen text NOT NULL,
    at_h double precision NOT NULL,   -- process time at which the specimen is drawn
    due_h double precision NOT NULL,  -- process time by which the result is due; may lie after the end of the batch
    before_release boolean NOT NULL DEFAULT true,  -- whether the batch is not to be released without it
    known_at timestamptz NOT NULL,    -- a change is a further row of the same line
    UNIQUE (process_version_id, attribute, specimen, known_at),
    CHECK (due_h >= at_h)
);
CREATE FUNCTION sampling_plan_known(as_known_at timestamptz) RETURNS SETOF sampling_plan
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (process_version_id, attribute, specimen) *
    FROM sampling_plan WHERE known_at <= as_known_at
    ORDER BY process_version_id, attribute, specimen, known_at DESC
$$;

GRANT INSERT ON site, area, unit, position, tag, tag_version, registered_publisher, product, process_version, manufacturing_change,
    tag_correspondence, attribute, limit_version, sampling_plan TO batchwitness_api;
-- What describes a thing may be corrected, with its audit event; what says which thing it is may not.
GRANT UPDATE (timezone) ON site TO batchwitness_api;
GRANT UPDATE (kind, commissioned) ON unit TO batchwitness_api;
GRANT UPDATE (allowed) ON registered_publisher TO batchwitness_api;
GRANT UPDATE (modality) ON product TO batchwitness_api;
GRANT UPDATE (description) ON process_version TO batchwitness_api;
GRANT UPDATE (context_of_use, amt_designation, reporting_category, regulatory_status) ON manufacturing_change
    TO batchwitness_api;
GRANT UPDATE (tag_old, measurand, sensor_principle_new, sensor_principle_old, known_at) ON tag_correspondence
    TO batchwitness_api;
GRANT UPDATE (kind, criticality) ON attribute TO batchwitness_api;
GRANT INSERT ON tag TO batchwitness_ingest;  -- an unknown tag is registered, unmapped

CREATE VIEW tag_now AS
SELECT tag.tag_id, tag.unit_id, tag.position_id, tag.name, tag.registered_at, version.effective_from,
    version.measurand, version.unit_of_measure, version.physical_low, version.physical_high,
    version.reporting_mode, version.interval_s, version.deadband, version.capture_mode,
    version.tag_version_id IS NOT NULL AS mapped
FROM tag
LEFT JOIN LATERAL (
    SELECT * FROM tag_version
    WHERE tag_version.tag_id = tag.tag_id AND tag_version.effective_from <= now()
    ORDER BY tag_version.effective_from DESC, tag_version.known_at DESC LIMIT 1
) AS version ON true;
