-- The Sparkplug host says every few seconds that it listens: true while the newest time is younger than 30 s.
SELECT coalesce(max(listening.until) > clock_timestamp() - interval '30 s', false)
FROM listening JOIN chain USING (chain_id)
WHERE chain.name LIKE 'sparkplug %';
