-- find_chart: The chart that shows this of a process version.
SELECT control_chart_id FROM control_chart
WHERE process_version_id = %(process_version_id)s AND attribute IS NOT DISTINCT FROM %(attribute)s
    AND tag IS NOT DISTINCT FROM %(tag)s AND phase IS NOT DISTINCT FROM %(phase)s
    AND summary IS NOT DISTINCT FROM %(summary)s;

-- insert_chart: Open a chart.
INSERT INTO control_chart (process_version_id, attribute, tag, phase, summary, scale, unit_of_measure, known_at)
VALUES (%(process_version_id)s, %(attribute)s, %(tag)s, %(phase)s, %(summary)s, %(scale)s, %(unit_of_measure)s,
    %(known_at)s)
RETURNING control_chart_id;

-- lock_chart: Let nobody else draft limits of a chart or change their state until this transaction ends.
SELECT pg_advisory_xact_lock(hashtext('control_limit'), %(control_chart_id)s);

-- insert: Write limits down as the next version, a draft.
INSERT INTO control_limit (control_chart_id, version, kind, centre, sigma, n, autocorrelation, rules, points, left_out,
    drafted_by, reason, known_at)
SELECT %(control_chart_id)s, coalesce(max(version), 0) + 1, %(kind)s, %(centre)s, %(sigma)s, %(n)s,
    %(autocorrelation)s, %(rules)s, %(points)s, %(left_out)s, %(drafted_by)s, %(reason)s, %(known_at)s
FROM control_limit WHERE control_chart_id = %(control_chart_id)s
RETURNING control_limit_id;

-- chart_of: The chart that limits are of.
SELECT control_chart_id FROM control_limit WHERE control_limit_id = %(control_limit_id)s;

-- state: Where limits stand, and what their chart shows.
SELECT control_limit.control_chart_id, control_limit.version, control_limit.state,
    coalesce(control_chart.attribute,
        concat_ws(' ', control_chart.summary, control_chart.tag, control_chart.phase)) AS subject
FROM control_limit JOIN control_chart USING (control_chart_id)
WHERE control_limit.control_limit_id = %(control_limit_id)s;

-- in_use: The limits of a chart that judge now.
SELECT control_limit_id, version FROM control_limit WHERE control_chart_id = %(control_chart_id)s AND state = 'in_use';

-- retire: Let limits judge no batch from now on.
UPDATE control_limit SET state = 'retired', retired_from = %(known_at)s, retired_by = %(by)s,
    retired_chain_id = %(chain_id)s, retired_block_seq = %(block_seq)s
WHERE control_limit_id = %(control_limit_id)s;

-- put_to_use: Let limits judge from now on.
UPDATE control_limit SET state = 'in_use', used_from = %(known_at)s, used_by = %(by)s, chain_id = %(chain_id)s,
    block_seq = %(block_seq)s
WHERE control_limit_id = %(control_limit_id)s;
