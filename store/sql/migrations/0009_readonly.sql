-- What Grafana and export may read: everything but identities and accounts.
GRANT SELECT ON site, area, unit, position, tag, tag_version, tag_now, product, process_version, manufacturing_change,
    registered_publisher, tag_correspondence, attribute, limit_version, sampling_plan, unit_procedure, phase, interval_revision,
    correction, reading, reading_revision, reading_now, reading_conflict, reading_conflict_now, publisher, sequence_gap,
    qc_replicate, qc_result, qc_result_now, reference, reference_batch, reference_decision, reference_input, reference_input_changed,
    monitor, alert, alert_update, alert_decision, alert_now, alert_outcome, overview, tag_latest
    TO batchwitness_readonly;
GRANT SELECT (batch_id, name, process_version_id, required_by, status, end_reason, registered_at) ON batch
    TO batchwitness_readonly;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO batchwitness_retain;
REVOKE SELECT ON actor, token, login_session FROM batchwitness_retain;
