-- Ingest writes a tick every second: true while the newest of any chain is younger than 30 s.
SELECT coalesce(max(newest.host_time) > clock_timestamp() - interval '30 s', false)
FROM chain
CROSS JOIN LATERAL (
    SELECT host_time FROM block_tick WHERE block_tick.chain_id = chain.chain_id ORDER BY seq DESC LIMIT 1
) AS newest;
