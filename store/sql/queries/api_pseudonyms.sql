-- of_batches: The pseudonyms of batches that have any, by name of the batch.
SELECT name AS batch, donor, chain_of_identity FROM batch
WHERE name = ANY(%(batches)s) AND num_nonnulls(donor, chain_of_identity) > 0;
