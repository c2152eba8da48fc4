-- append: Append one event to the audit chain; known_at is given under the chain's lock.
SELECT append_audit(%(actor)s, %(action)s, %(subject)s, %(old)s, %(new)s, %(reason)s);

-- trail: Events in the order they became known, of one subject or of all.
SELECT seq, body
FROM audit_event
WHERE seq > %(after_seq)s AND (%(subject)s::text IS NULL OR subject = %(subject)s)
ORDER BY seq
LIMIT %(limit)s;

-- rows: The whole chain as it is stored, to be verified.
SELECT seq, known_at, body, previous_digest, digest, actor, action, subject, reason FROM audit_event ORDER BY seq;

-- head: Where the chain ends; before the first event no time is known.
SELECT seq, nullif(known_at, '-infinity') AS known_at, digest FROM audit_head;
