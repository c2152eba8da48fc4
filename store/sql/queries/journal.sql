-- create_chain: Make a chain the first time somebody claims it.
INSERT INTO chain (name, kind, digest) VALUES (%(name)s, %(kind)s, %(genesis)s) ON CONFLICT (name) DO NOTHING;

-- claim_chain: Take a chain over under a new epoch.
UPDATE chain SET epoch = epoch + 1, holder = %(holder)s, claimed_at = clock_timestamp() WHERE name = %(name)s
RETURNING chain_id, epoch, seq, digest,
    (SELECT committed_time FROM block WHERE block.chain_id = chain.chain_id AND block.seq = chain.seq) AS committed_time;

-- append: Move a chain on by one block and write it; no row says that its epoch is not mine any more.
WITH advanced AS (
    UPDATE chain SET seq = %(seq)s, digest = %(digest)s
    WHERE chain_id = %(chain_id)s AND epoch = %(epoch)s AND seq = %(previous)s
    RETURNING chain_id, seq, epoch, digest
), header AS (
    INSERT INTO block (chain_id, seq, epoch, committed_time, entries, readings, merkle_root, previous_digest, header,
        digest)
    SELECT chain_id, seq, epoch, %(committed_time)s, %(entries)s, %(readings)s, %(merkle_root)s, %(previous_digest)s,
        %(header)s, digest
    FROM advanced
), body AS (
    INSERT INTO block_body (chain_id, seq, raw) SELECT chain_id, seq, %(raw)s FROM advanced
)
SELECT seq FROM advanced;

-- insert_units: What a block newly stored of units.
INSERT INTO block_unit (chain_id, seq, unit_id, readings, rows)
SELECT %(chain_id)s, %(seq)s, stored.unit_id, stored.readings, stored.rows
FROM unnest(%(unit_ids)b::integer[], %(readings)b::integer[], %(rows)b::bytea[]) AS stored (unit_id, readings, rows);

-- insert_tick: The time a block told.
INSERT INTO block_tick (chain_id, seq, plant_time, host_time, rate)
VALUES (%(chain_id)s, %(seq)s, %(plant_time)s, %(host_time)s, %(rate)s);

-- set_listening: For how long the broker has been sending to a chain's holder; the block is the one that said so first.
INSERT INTO listening (chain_id, since, until, block_seq) VALUES (%(chain_id)s, %(since)s, %(until)s, %(block_seq)s)
ON CONFLICT (chain_id, since) DO UPDATE SET until = greatest(listening.until, excluded.until);
-- count_refused: Count what was refused on a topic in a minute, and say how much that is by now.
INSERT INTO quarantine_minute (minute, topic, refused) VALUES (%(minute)s, %(topic)s, %(refused)s)
ON CONFLICT (minute, topic) DO UPDATE SET refused = quarantine_minute.refused + excluded.refused
RETURNING refused, held_back;

-- count_held_back: Count what was refused in a minute and got no row of its own.
UPDATE quarantine_minute SET held_back = held_back + %(held_back)s WHERE minute = %(minute)s AND topic = %(topic)s;

-- insert_quarantine: Put an item aside, once.
INSERT INTO quarantine (chain_id, block_seq, entry, topic, item, code, reason, excerpt, received_time, unit_id, tag,
    source_time, digest)
VALUES (%(chain_id)s, %(block_seq)s, %(entry)s, %(topic)s, %(item)s, %(code)s, %(reason)s, %(excerpt)s,
    %(received_time)s, %(unit_id)s, %(tag)s, %(source_time)s, %(digest)s)
ON CONFLICT (digest) DO NOTHING;

-- chain_blocks: Everything needed to recompute a chain's digests.
SELECT seq, merkle_root, previous_digest, header, digest, raw
FROM block LEFT JOIN block_body USING (chain_id, seq)
WHERE chain_id = %(chain_id)s ORDER BY seq;
