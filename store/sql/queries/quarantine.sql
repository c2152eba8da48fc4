-- lock: One decision about the quarantine at a time, until its transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('quarantine', 0));

-- seen: Where these items stand, over which kind of chain they came, and why.
SELECT quarantine_now.quarantine_id, quarantine_now.version, quarantine_now.state, chain.kind, quarantine_now.code,
    quarantine_now.topic
FROM quarantine_now JOIN chain USING (chain_id)
WHERE quarantine_now.quarantine_id = ANY(%(quarantine_ids)b::bigint[])
ORDER BY quarantine_now.quarantine_id;

-- alike: What is open of one kind of fault, of one topic or of all, that came by message.
SELECT quarantine_now.quarantine_id FROM quarantine_now JOIN chain USING (chain_id)
WHERE quarantine_now.state = 'open' AND quarantine_now.code = %(code)s AND chain.kind = 'live'
    AND (%(topic)s::text IS NULL OR quarantine_now.topic = %(topic)s)
ORDER BY quarantine_now.quarantine_id LIMIT %(limit)s;

-- decide: What became of items, decided in one act.
INSERT INTO quarantine_decision (quarantine_id, sequence, state, actor, reason, known_at)
SELECT quarantine_id, version + 1, %(state)s, %(actor)s, %(reason)s, %(known_at)s
FROM quarantine_now WHERE quarantine_id = ANY(%(quarantine_ids)b::bigint[]);

-- requested: What ingest is asked to take again, in the order it came; a Sparkplug host does so itself.
SELECT decision.quarantine_id, quarantine.chain_id, quarantine.block_seq, quarantine.entry, quarantine.item,
    quarantine.code
FROM quarantine_decision AS decision JOIN quarantine USING (quarantine_id)
WHERE decision.state = 'requested' AND quarantine.topic NOT LIKE 'spBv1.0/%%'
    AND NOT EXISTS (
        SELECT FROM quarantine_decision AS later
        WHERE later.quarantine_id = decision.quarantine_id AND later.sequence > decision.sequence
    )
ORDER BY quarantine.chain_id, quarantine.block_seq, quarantine.entry, quarantine.quarantine_id
LIMIT %(limit)s;

-- body: The entries of a block as they came; nothing where they were dropped.
SELECT raw FROM block_body WHERE chain_id = %(chain_id)s AND seq = %(block_seq)s;

-- flood: The last block of a chain that was committed in the same minute as this one.
SELECT max(later.seq) FROM block AS first
JOIN block AS later ON later.chain_id = first.chain_id AND later.seq >= first.seq
    AND later.committed_time < date_trunc('minute', first.committed_time) + interval '1 minute'
WHERE first.chain_id = %(chain_id)s AND first.seq = %(block_seq)s;

-- topic: On which topic an item came.
SELECT topic FROM quarantine WHERE quarantine_id = %(quarantine_id)s;

-- bodies: The entries of blocks as they came, in order; null where they were dropped.
SELECT block_body.raw FROM block LEFT JOIN block_body USING (chain_id, seq)
WHERE block.chain_id = %(chain_id)s AND block.seq BETWEEN %(block_seq)s AND %(last)s ORDER BY block.seq;
