-- claim: Take a slot that is free, or keep one's own; no row when another process has it.
INSERT INTO slot (name, holder, until)
VALUES (%(name)s, %(holder)s, clock_timestamp() + %(lease)s)
ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until
WHERE slot.holder = EXCLUDED.holder OR slot.until < clock_timestamp()
RETURNING name;

-- release: Give a slot back, if it is still one's own.
UPDATE slot SET until = clock_timestamp() WHERE name = %(name)s AND holder = %(holder)s;

-- holder: Who has a slot, if anybody has.
SELECT holder FROM slot WHERE name = %(name)s AND until >= clock_timestamp();
