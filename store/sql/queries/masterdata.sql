-- lock: One load of master data at a time, until its transaction ends.
SELECT pg_advisory_xact_lock(%(lock)s);

-- sites: The sites in the record.
SELECT name, timezone FROM site;

-- insert_sites: Add a site.
INSERT INTO site (name, timezone) VALUES (%(name)s, %(timezone)s);

-- update_sites: Correct what describes a site.
UPDATE site SET timezone = %(timezone)s WHERE name = %(name)s;

-- areas: The areas in the record.
SELECT site.name AS site, area.name FROM area JOIN site USING (site_id);

-- insert_areas: Add an area to its site.
INSERT INTO area (site_id, name) SELECT site_id, %(name)s FROM site WHERE name = %(site)s;

-- units: The units in the record with their positions.
SELECT site.name AS site, area.name AS area, unit.name, unit.kind, unit.commissioned,
    array_agg(position.name ORDER BY position.name) FILTER (WHERE position.name IS NOT NULL) AS positions
FROM unit
JOIN area USING (area_id)
JOIN site USING (site_id)
LEFT JOIN position USING (unit_id)
GROUP BY site.name, area.name, unit.unit_id;

-- insert_units: Add a unit with its positions.
WITH added AS (
    INSERT INTO unit (area_id, name, kind, commissioned)
    SELECT area_id, %(name)s, %(kind)s, %(commissioned)s
    FROM area JOIN site USING (site_id)
    WHERE site.name = %(site)s AND area.name = %(area)s
    RETURNING unit_id
)
INSERT INTO position (unit_id, name) SELECT unit_id, unnest(%(positions)s::text[]) FROM added;

-- update_units: Correct what describes a unit and add the positions it did not have.
WITH changed AS (
    UPDATE unit SET kind = %(kind)s, commissioned = %(commissioned)s
    FROM area JOIN site USING (site_id)
    WHERE unit.area_id = area.area_id AND site.name = %(site)s AND area.name = %(area)s AND unit.name = %(name)s
    RETURNING unit_id
)
INSERT INTO position (unit_id, name) SELECT unit_id, unnest(%(positions)s::text[]) FROM changed
ON CONFLICT (unit_id, name) DO NOTHING;

-- publishers: Who may, or may no longer, speak for which unit.
SELECT site.name AS site, area.name AS area, unit.name AS unit, publisher AS name, allowed
FROM registered_publisher
JOIN unit USING (unit_id)
JOIN area USING (area_id)
JOIN site USING (site_id)
ORDER BY name, site, area, unit;

-- insert_publishers: Let a publisher speak for a unit, and nobody any more who is not registered for it.
INSERT INTO registered_publisher (unit_id, publisher, allowed)
SELECT unit_id, %(name)s, %(allowed)s
FROM unit JOIN area USING (area_id) JOIN site USING (site_id)
WHERE site.name = %(site)s AND area.name = %(area)s AND unit.name = %(unit)s;

-- update_publishers: Forbid a publisher to speak for a unit, or allow it again.
UPDATE registered_publisher SET allowed = %(allowed)s
FROM unit JOIN area USING (area_id) JOIN site USING (site_id)
WHERE registered_publisher.unit_id = unit.unit_id AND registered_publisher.publisher = %(name)s
    AND site.name = %(site)s AND area.name = %(area)s AND unit.name = %(unit)s;

-- tags: The mapped tags with the version in force at an instant.
SELECT site.name AS site, area.name AS area, unit.name AS unit, position.name AS position, tag.name,
    version.measurand, version.unit_of_measure, version.physical_low, version.physical_high,
    version.reporting_mode, version.interval_s, version.deadband, version.capture_mode
FROM tag
JOIN unit USING (unit_id)
JOIN area USING (area_id)
JOIN site USING (site_id)
LEFT JOIN position USING (position_id)
CROSS JOIN LATERAL (
    SELECT * FROM tag_version
    WHERE tag_version.tag_id = tag.tag_id AND tag_version.effective_from <= %(effective_from)s
    ORDER BY tag_version.effective_from DESC, tag_version.known_at DESC LIMIT 1
) AS version;

-- register_tags: Register a tag; one that ingest met before keeps its number.
INSERT INTO tag (unit_id, position_id, name)
SELECT unit.unit_id, position.position_id, %(name)s
FROM unit
JOIN area USING (area_id)
JOIN site USING (site_id)
LEFT JOIN position ON position.unit_id = unit.unit_id AND position.name = %(position)s
WHERE site.name = %(site)s AND area.name = %(area)s AND unit.name = %(unit)s
ON CONFLICT (unit_id, position_id, name) DO NOTHING;

-- insert_tags: Say from when on a registered tag means what.
INSERT INTO tag_version (
    tag_id, effective_from, measurand, unit_of_measure, physical_low, physical_high, reporting_mode, interval_s,
    deadband, capture_mode, known_at
)
SELECT tag.tag_id, %(effective_from)s, %(measurand)s, %(unit_of_measure)s, %(physical_low)s, %(physical_high)s,
    %(reporting_mode)s, %(interval_s)s, %(deadband)s, %(capture_mode)s, %(known_at)s
FROM tag
JOIN unit USING (unit_id)
JOIN area USING (area_id)
JOIN site USING (site_id)
LEFT JOIN position USING (position_id)
WHERE site.name = %(site)s AND area.name = %(area)s AND unit.name = %(unit)s AND tag.name = %(name)s
    AND position.name IS NOT DISTINCT FROM %(position)s;

-- sparkplug: Whose values metrics of Sparkplug edge nodes are.
SELECT sparkplug_mapping.edge_group AS "group", sparkplug_mapping.node, sparkplug_mapping.device,
    sparkplug_mapping.metric, site.name AS site, area.name AS area, unit.name AS unit, position.name AS position,
    sparkplug_mapping.tag, sparkplug_mapping.in_force
FROM sparkplug_mapping
JOIN unit USING (unit_id)
JOIN area USING (area_id)
JOIN site USING (site_id)
LEFT JOIN position USING (position_id);

-- edge_nodes: The edge nodes that the mapping names, not by a pattern.
SELECT DISTINCT edge_group, node FROM sparkplug_mapping
WHERE in_force AND strpos(edge_group, '*') = 0 AND strpos(node, '*') = 0
ORDER BY node, edge_group;

-- insert_sparkplug: Say whose values metrics are.
INSERT INTO sparkplug_mapping (edge_group, node, device, metric, unit_id, position_id, tag, in_force)
SELECT %(group)s, %(node)s, %(device)s, %(metric)s, unit.unit_id, position.position_id, %(tag)s, %(in_force)s
FROM unit
JOIN area USING (area_id)
JOIN site USING (site_id)
LEFT JOIN position ON position.unit_id = unit.unit_id AND position.name = %(position)s
WHERE site.name = %(site)s AND area.name = %(area)s AND unit.name = %(unit)s;

-- update_sparkplug: Say that metrics are values of something else, or that a line counts no more.
UPDATE sparkplug_mapping
SET unit_id = unit.unit_id, position_id = position.position_id, tag = %(tag)s, in_force = %(in_force)s
FROM unit
JOIN area USING (area_id)
JOIN site USING (site_id)
LEFT JOIN position ON position.unit_id = unit.unit_id AND position.name = %(position)s
WHERE site.name = %(site)s AND area.name = %(area)s AND unit.name = %(unit)s
    AND sparkplug_mapping.edge_group = %(group)s AND sparkplug_mapping.node = %(node)s
    AND sparkplug_mapping.device = %(device)s AND sparkplug_mapping.metric = %(metric)s;

-- products: The products in the record.
SELECT name, modality FROM product;

-- insert_products: Add a product.
INSERT INTO product (name, modality) VALUES (%(name)s, %(modality)s);

-- update_products: Correct what describes a product.
UPDATE product SET modality = %(modality)s WHERE name = %(name)s;

-- processes: The process versions in the record.
SELECT product.name AS product, process_version.name, role, description
FROM process_version JOIN product USING (product_id);

-- insert_processes: Add a process version to its product.
INSERT INTO process_version (product_id, name, role, description)
SELECT product_id, %(name)s, %(role)s, %(description)s FROM product WHERE name = %(product)s;

-- update_processes: Correct the description of a process version.
UPDATE process_version SET description = %(description)s
FROM product
WHERE product.product_id = process_version.product_id
    AND product.name = %(product)s AND process_version.name = %(name)s;

-- changes: The manufacturing changes in the record.
SELECT manufacturing_change.name, product.name AS product, old_process.name AS "from", new_process.name AS "to",
    context_of_use, amt_designation, reporting_category, regulatory_status
FROM manufacturing_change
JOIN process_version AS old_process ON old_process.process_version_id = from_process_version_id
JOIN process_version AS new_process ON new_process.process_version_id = to_process_version_id
JOIN product ON product.product_id = new_process.product_id;

-- insert_changes: Add a manufacturing change from one process version to another.
INSERT INTO manufacturing_change (
    name, from_process_version_id, to_process_version_id, context_of_use, amt_designation, reporting_category,
    regulatory_status
)
SELECT %(name)s, old_process.process_version_id, new_process.process_version_id, %(context_of_use)s,
    %(amt_designation)s, %(reporting_category)s, %(regulatory_status)s
FROM product
JOIN process_version AS old_process ON old_process.product_id = product.product_id AND old_process.name = %(from)s
JOIN process_version AS new_process ON new_process.product_id = product.product_id AND new_process.name = %(to)s
WHERE product.name = %(product)s;

-- update_changes: Correct what describes a manufacturing change.
UPDATE manufacturing_change
SET context_of_use = %(context_of_use)s, amt_designation = %(amt_designation)s,
    reporting_category = %(reporting_category)s, regulatory_status = %(regulatory_status)s
WHERE name = %(name)s;

-- attributes: The attributes in the record.
SELECT product.name AS product, attribute.name, kind, criticality, scale, measurand, unit_of_measure
FROM attribute JOIN product USING (product_id);

-- insert_attributes: Add an attribute to its product.
INSERT INTO attribute (product_id, name, kind, criticality, scale, measurand, unit_of_measure)
SELECT product_id, %(name)s, %(kind)s, %(criticality)s, %(scale)s, %(measurand)s, %(unit_of_measure)s
FROM product WHERE name = %(product)s;

-- update_attributes: Correct what kind an attribute is and how critical.
UPDATE attribute SET kind = %(kind)s, criticality = %(criticality)s
FROM product
WHERE product.product_id = attribute.product_id AND product.name = %(product)s AND attribute.name = %(name)s;

-- limits: The limits in force at an instant.
SELECT DISTINCT ON (process_version_id, limit_version.attribute, limit_version.tag, limit_version.kind)
    product.name AS product, process_version.name AS process, limit_version.attribute, limit_version.tag,
    limit_version.kind, limit_version.low, limit_version.high, limit_version.unit_of_measure, limit_version.source
FROM limit_version
JOIN process_version USING (process_version_id)
JOIN product USING (product_id)
WHERE effective_from <= %(effective_from)s
ORDER BY process_version_id, limit_version.attribute, limit_version.tag, limit_version.kind,
    effective_from DESC, known_at DESC;

-- insert_limits: Say from when on a limit holds; the one before stays in the record.
INSERT INTO limit_version (
    process_version_id, attribute, tag, kind, low, high, unit_of_measure, source, effective_from, known_at
)
SELECT process_version_id, %(attribute)s, %(tag)s, %(kind)s, %(low)s, %(high)s, %(unit_of_measure)s, %(source)s,
    %(effective_from)s, %(known_at)s
FROM process_version JOIN product USING (product_id)
WHERE product.name = %(product)s AND process_version.name = %(process)s;

-- sampling_plan: The sampling plans in the record.
SELECT product.name AS product, process_version.name AS process, attribute, specimen, at_h, due_h,
    before_release
FROM sampling_plan_known('infinity')
JOIN process_version USING (process_version_id)
JOIN product USING (product_id);

-- insert_sampling_plan: Say from now on when a specimen is to be drawn and the result of it due.
INSERT INTO sampling_plan (process_version_id, attribute, specimen, at_h, due_h, before_release, known_at)
SELECT process_version_id, %(attribute)s, %(specimen)s, %(at_h)s, %(due_h)s, %(before_release)s, %(known_at)s
FROM process_version JOIN product USING (product_id)
WHERE product.name = %(product)s AND process_version.name = %(process)s;

-- correspondences: Which old tag stands for which new one, in the record.
SELECT manufacturing_change.name AS change, tag_new, tag_old, measurand, sensor_principle_new, sensor_principle_old,
    phase
FROM tag_correspondence JOIN manufacturing_change USING (manufacturing_change_id);

-- insert_correspondences: Let an old tag stand for a new one.
INSERT INTO tag_correspondence (
    manufacturing_change_id, tag_new, tag_old, measurand, sensor_principle_new, sensor_principle_old, phase, known_at
)
SELECT manufacturing_change_id, %(tag_new)s, %(tag_old)s, %(measurand)s, %(sensor_principle_new)s,
    %(sensor_principle_old)s, %(phase)s, %(known_at)s
FROM manufacturing_change WHERE name = %(change)s;

-- update_correspondences: Let another old tag stand for a new one, or describe the sensors better.
UPDATE tag_correspondence
SET tag_old = %(tag_old)s, measurand = %(measurand)s, sensor_principle_new = %(sensor_principle_new)s,
    sensor_principle_old = %(sensor_principle_old)s, known_at = %(known_at)s
FROM manufacturing_change
WHERE manufacturing_change.manufacturing_change_id = tag_correspondence.manufacturing_change_id
    AND manufacturing_change.name = %(change)s AND tag_new = %(tag_new)s AND phase IS NOT DISTINCT FROM %(phase)s;
