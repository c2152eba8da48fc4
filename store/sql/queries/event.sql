-- known: Whether this very event is in the record.
SELECT 1 FROM event WHERE digest = %(digest)s;

-- insert: Record an event.
INSERT INTO event (chain_id, block_seq, entry, unit_id, batch_id, unit_procedure_id, ended_unit_procedure_id, kind,
    source_time, received_time, body, note, digest)
VALUES (%(chain_id)s, %(block_seq)s, %(entry)s, %(unit_id)s, %(batch_id)s, %(unit_procedure_id)s,
    %(ended_unit_procedure_id)s, %(kind)s, %(source_time)s, %(received_time)s, %(body)s, %(note)s, %(digest)s);

-- batch: A batch by name.
SELECT batch_id, process_version_id, status, starting_material FROM batch WHERE name = %(name)s;

-- process: The process version of that name, of one product or of any.
SELECT process_version_id FROM process_version JOIN product USING (product_id)
WHERE process_version.name = %(process)s AND (%(product)s::text IS NULL OR product.name = %(product)s);

-- open_of_batch: The unit procedure in which a batch is running.
SELECT unit_procedure_id, lower(during), unit_id FROM unit_procedure
WHERE batch_id = %(batch_id)s AND upper_inf(during);

-- was_here: Whether a batch ever ran in a unit.
SELECT 1 FROM unit_procedure WHERE batch_id = %(batch_id)s AND unit_id = %(unit_id)s LIMIT 1;

-- procedure_around: The unit procedure of a batch in a unit that an interval lies in.
SELECT unit_procedure_id FROM unit_procedure
WHERE batch_id = %(batch_id)s AND unit_id = %(unit_id)s AND during @> %(during)s::tstzrange;

-- open_at_position: What occupies a position.
SELECT unit_procedure_id, lower(during), batch.name
FROM unit_procedure JOIN batch USING (batch_id)
WHERE position_id = %(position_id)s AND upper_inf(during);

-- insert_batch: A batch begins to exist.
INSERT INTO batch (name, process_version_id, donor, starting_material, chain_of_identity, required_by)
VALUES (%(name)s, %(process_version_id)s, %(donor)s, %(starting_material)s, %(chain_of_identity)s, %(required_by)s)
RETURNING batch_id;

-- state_material: What a batch starts from, told by a later start.
UPDATE batch SET starting_material = %(starting_material)s WHERE batch_id = %(batch_id)s AND starting_material IS NULL;

-- assign_results: Results that were waiting for a batch of this name.
UPDATE qc_result SET batch_id = %(batch_id)s WHERE batch = %(name)s AND batch_id IS NULL;

-- insert_unit_procedure: A batch occupies a position.
INSERT INTO unit_procedure (batch_id, unit_id, position_id, during)
VALUES (%(batch_id)s, %(unit_id)s, %(position_id)s, %(during)s)
RETURNING unit_procedure_id;

-- end_unit_procedure: A batch leaves a position.
UPDATE unit_procedure SET during = tstzrange(lower(during), %(ended)s), end_inferred = %(inferred)s
WHERE unit_procedure_id = %(unit_procedure_id)s;

-- end_phases: The running phase ends with its unit procedure; one that was to start later ends where it starts.
UPDATE phase SET during = tstzrange(lower(during), greatest(%(ended)s, lower(during) + interval '1 microsecond'))
WHERE unit_procedure_id = %(unit_procedure_id)s AND upper_inf(during);

-- end_batch: A batch is over.
UPDATE batch SET status = %(status)s, end_reason = %(reason)s WHERE batch_id = %(batch_id)s;

-- open_phase: The phase that is running.
SELECT phase_id, name, lower(during) FROM phase
WHERE unit_procedure_id = %(unit_procedure_id)s AND upper_inf(during);

-- insert_phase: A phase begins.
INSERT INTO phase (unit_procedure_id, name, during) VALUES (%(unit_procedure_id)s, %(name)s, %(during)s);

-- end_phase: A phase ends.
UPDATE phase SET during = tstzrange(lower(during), %(ended)s) WHERE phase_id = %(phase_id)s;
