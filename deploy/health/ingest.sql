-- Ingest writes a tick every second: true while the newest is younger than 30 s.
SELECT coalesce(
    (SELECT host_time > clock_timestamp() - interval '30 s'
     FROM block_tick
     ORDER BY chain_id DESC, seq DESC
     LIMIT 1),
    false
);
