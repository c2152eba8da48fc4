-- claim: Take a slot that is free, or keep one's own; no row when another process has it.
INSERT INTO slot (name, holder, until, filters, caught_up)
VALUES (%(name)s, %(holder)s, clock_timestamp() + %(lease)s, %(filters)s, %(caught_up)s)
ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until,
    filters = coalesce(EXCLUDED.filters, slot.filters), caught_up = EXCLUDED.caught_up
WHERE slot.holder = EXCLUDED.holder OR slot.until < clock_timestamp()
RETURNING name;

-- release: Give a slot back, if it is still one's own.
UPDATE slot SET until = clock_timestamp(), caught_up = false WHERE name = %(name)s AND holder = %(holder)s;

-- slots: Every slot that was ever claimed, with its last holder.
SELECT name, holder, until >= clock_timestamp() AS held, filters, caught_up FROM slot ORDER BY name;

-- keepers: How many processes of this role have shown themselves lately under a name.
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename = session_user AND application_name = %(application)s
    AND coalesce(state_change, backend_start) > clock_timestamp() - %(within)s::interval;
