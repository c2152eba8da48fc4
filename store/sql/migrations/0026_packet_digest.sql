-- A decision about a reference is about its review packet too.
ALTER TABLE reference_decision ADD COLUMN packet_sha256 bytea;
UPDATE reference_decision SET packet_sha256 = sha256(convert_to(reference.review::text, 'UTF8'))
FROM reference WHERE reference.reference_id = reference_decision.reference_id;
ALTER TABLE reference_decision ALTER COLUMN packet_sha256 SET NOT NULL;
