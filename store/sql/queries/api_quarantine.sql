-- page: What could not enter the record, newest first, below a cursor, of a code, a state or a part of the topic.
SELECT quarantine_id, topic, item, code, reason, excerpt, received_time, state, version, decided_by, decided_why,
    decided_at
FROM quarantine_now
WHERE quarantine_id < %(below)s AND (%(code)s::text IS NULL OR code = %(code)s)
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(topic)s::text IS NULL OR position(%(topic)s in topic) > 0)
ORDER BY quarantine_id DESC LIMIT %(limit)s;

-- counts: How much of each kind could not enter the record, and how much of it waits for somebody.
SELECT code, count(*) AS items, count(*) FILTER (WHERE state = 'open') AS open,
    count(*) FILTER (WHERE state = 'requested') AS requested, min(received_time) AS first, max(received_time) AS last
FROM quarantine_now
GROUP BY code ORDER BY open DESC, items DESC, code;

-- held_back: How much of floods has no row of its own, in how many minutes, and when last.
SELECT coalesce(sum(held_back), 0)::bigint AS items, count(*) AS minutes, max(minute) AS last
FROM quarantine_minute WHERE held_back > 0;

-- alike: How much of one code is open and came by message, of one topic and of all.
SELECT count(*) AS items, count(*) FILTER (WHERE quarantine_now.topic = %(topic)s) AS of_topic
FROM quarantine_now JOIN chain USING (chain_id)
WHERE quarantine_now.state = 'open' AND quarantine_now.code = %(code)s AND chain.kind = 'live';

-- detail: One item, where its message is in the journal, and over which kind of chain it came.
SELECT quarantine_now.quarantine_id, quarantine_now.topic, quarantine_now.item, quarantine_now.code,
    quarantine_now.reason, quarantine_now.excerpt, quarantine_now.received_time, quarantine_now.state,
    quarantine_now.version, quarantine_now.decided_by, quarantine_now.decided_why, quarantine_now.decided_at,
    chain.name AS chain, chain.kind AS chain_kind, quarantine_now.chain_id, quarantine_now.block_seq,
    quarantine_now.entry, encode(block.digest, 'hex') AS block_digest
FROM quarantine_now JOIN chain USING (chain_id)
JOIN block ON block.chain_id = quarantine_now.chain_id AND block.seq = quarantine_now.block_seq
WHERE quarantine_now.quarantine_id = %(quarantine_id)s;

-- fault: What kind of fault an item is, on which topic, in what of its message.
SELECT topic, code, item FROM quarantine WHERE quarantine_id = %(quarantine_id)s;

-- beside: The other items of the same message.
SELECT quarantine_id, item, code, state FROM quarantine_now
WHERE chain_id = %(chain_id)s AND block_seq = %(block_seq)s AND entry = %(entry)s
    AND quarantine_id <> %(quarantine_id)s
ORDER BY quarantine_id LIMIT 100;

-- decisions: What became of an item, in order.
SELECT decision.sequence, decision.state, decision.actor, actor.printed_name, decision.reason, decision.known_at
FROM quarantine_decision AS decision LEFT JOIN actor ON actor.name = decision.actor
WHERE decision.quarantine_id = %(quarantine_id)s ORDER BY decision.sequence;
