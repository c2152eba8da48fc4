-- Readings that came too late for a run are scored by the next one.
ALTER TABLE monitor
    -- Why a run after the first one began; null for the first, and for those begun before causes were kept.
    ADD COLUMN cause text CHECK (cause IN ('correction', 'upgrade', 'late_readings')),
    ADD COLUMN late_ordinal bigint;  -- of the intake: the last readings that came for it after its end
CREATE INDEX monitor_late ON monitor (late_ordinal) WHERE until_ordinal IS NULL AND late_ordinal IS NOT NULL;
GRANT UPDATE (late_ordinal) ON monitor TO batchwitness_analytics;
