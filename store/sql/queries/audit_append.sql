-- append: Write one audit event in this transaction; returns its known_at.
SELECT append_audit(%(actor)s, %(action)s, %(subject)s, %(old)s::jsonb, %(new)s::jsonb, %(reason)s);
