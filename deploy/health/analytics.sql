-- Analytics takes the blocks of every chain in order: true while none has waited longer than 60 s to be taken.
SELECT NOT EXISTS (
    SELECT
    FROM chain
    CROSS JOIN LATERAL (
        SELECT coalesce(max(intake.seq), 0) AS seq FROM intake WHERE intake.chain_id = chain.chain_id
    ) AS taken
    JOIN block ON block.chain_id = chain.chain_id AND block.seq = taken.seq + 1
    WHERE block.committed_time < clock_timestamp() - interval '60 s'
);
