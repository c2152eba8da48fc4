-- units: Every unit with the names that lead to it.
SELECT site.name, area.name, unit.name, unit.unit_id, unit.commissioned
FROM unit JOIN area USING (area_id) JOIN site USING (site_id);

-- positions: Every position of every unit.
SELECT unit_id, position_id, name FROM position;

-- publishers: Every registration of a publisher for a unit.
SELECT unit_id, publisher, allowed FROM registered_publisher;

-- tags: Every tag with the physical range in force.
SELECT unit_id, position_id, name, tag_id, mapped,
    coalesce(physical_low, '-infinity'), coalesce(physical_high, 'infinity')
FROM tag_now;

-- tag: One tag by its name.
SELECT tag_id, mapped, coalesce(physical_low, '-infinity'), coalesce(physical_high, 'infinity')
FROM tag_now
WHERE unit_id = %(unit_id)s AND position_id IS NOT DISTINCT FROM %(position_id)s::integer AND name = %(name)s;

-- register_tag: Remember a tag that spoke before anybody described it.
INSERT INTO tag (unit_id, position_id, name) VALUES (%(unit_id)s, %(position_id)s, %(name)s)
ON CONFLICT DO NOTHING;
