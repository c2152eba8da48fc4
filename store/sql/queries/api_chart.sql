-- describe: A process version by name, with how an attribute of its product or a tag is measured.
SELECT process_version.process_version_id, attribute.scale, attribute.unit_of_measure, (
    SELECT tag_now.unit_of_measure FROM tag_now WHERE tag_now.name = %(tag)s AND tag_now.mapped
    ORDER BY tag_now.tag_id LIMIT 1
)
FROM process_version
LEFT JOIN attribute ON attribute.product_id = process_version.product_id AND attribute.name = %(attribute)s
WHERE process_version.name = %(process)s
ORDER BY process_version.process_version_id LIMIT 1;

-- charts: All charts, with the limits in use and how much they say.
SELECT control_chart.control_chart_id AS chart, process_version.name AS process, control_chart.attribute,
    control_chart.tag, control_chart.phase, control_chart.summary, control_chart.scale, control_chart.unit_of_measure,
    control_chart.failure, used.version AS limits_version, used.kind AS limits_kind, used.n AS limits_n,
    (SELECT count(*) FROM control_limit
        WHERE control_limit.control_chart_id = control_chart.control_chart_id AND state = 'draft') AS drafts,
    (SELECT count(*) FROM chart_point_now
        WHERE chart_point_now.control_chart_id = control_chart.control_chart_id) AS batches,
    (SELECT count(*) FROM chart_signal_now
        WHERE chart_signal_now.control_chart_id = control_chart.control_chart_id AND holds) AS signals,
    (SELECT max(chart_point_now.started) FROM chart_point_now
        WHERE chart_point_now.control_chart_id = control_chart.control_chart_id) AS data_until,
    (SELECT max(chart_point.committed_time) FROM chart_point
        WHERE chart_point.control_chart_id = control_chart.control_chart_id) AS known_until
FROM control_chart
JOIN process_version USING (process_version_id)
LEFT JOIN control_limit AS used ON used.control_chart_id = control_chart.control_chart_id AND used.state = 'in_use'
WHERE %(chart)s::integer IS NULL OR control_chart.control_chart_id = %(chart)s
ORDER BY process_version.name, control_chart.summary NULLS FIRST, control_chart.attribute, control_chart.phase,
    control_chart.tag;

-- limits: Every version of a chart's limits, the newest first.
SELECT control_limit_id AS control_limit, version, kind, state, centre, sigma, n, autocorrelation, rules, points,
    left_out, drafted_by, reason, known_at, used_from, used_by, retired_from, retired_by,
    intake.ordinal AS used_ordinal, retired.ordinal AS retired_ordinal
FROM control_limit
LEFT JOIN intake ON intake.chain_id = control_limit.chain_id AND intake.seq = control_limit.block_seq
LEFT JOIN intake AS retired ON retired.chain_id = control_limit.retired_chain_id
    AND retired.seq = control_limit.retired_block_seq
WHERE control_chart_id = %(chart)s ORDER BY version DESC;

-- points: What batches show on a chart, in order of their starts, with every value they had before.
SELECT chart_point_now.batch_id, batch.name AS batch, chart_point_now.started, chart_point_now.value,
    chart_point_now.value_text, chart_point_now.without, chart_point_now.bound, chart_point_now.readings,
    chart_point_now.revision, chart_point_now.first_ordinal, coalesce((
        SELECT array_agg(before.value_text ORDER BY before.revision) FROM chart_point AS before
        WHERE before.control_chart_id = chart_point_now.control_chart_id AND before.batch_id = chart_point_now.batch_id
            AND before.revision < chart_point_now.revision
    ), '{}') AS earlier
FROM chart_point_now JOIN batch USING (batch_id)
WHERE chart_point_now.control_chart_id = %(chart)s
ORDER BY chart_point_now.started, batch.name;

-- signals: What rules said of the batches of a chart, and what became of it, the newest first.
SELECT chart_signal.chart_signal_id AS signal, batch.name AS batch, chart_signal.rule, chart_signal.side,
    chart_signal.revision, chart_signal.holds, control_limit.version AS limits_version, chart_signal.statistic,
    chart_signal.limit_value AS "limit", chart_signal.points, chart_signal.sentence, chart_signal.committed_time,
    NOT EXISTS (
        SELECT FROM chart_signal AS later
        WHERE later.control_chart_id = chart_signal.control_chart_id AND later.batch_id = chart_signal.batch_id
            AND later.rule = chart_signal.rule AND later.side = chart_signal.side
            AND later.revision > chart_signal.revision
    ) AS newest
FROM chart_signal
JOIN batch USING (batch_id)
JOIN control_limit USING (control_limit_id)
WHERE chart_signal.control_chart_id = %(chart)s
ORDER BY chart_signal.chart_signal_id DESC LIMIT 1000;

-- specification: The specification limits of an attribute that hold now.
SELECT low, high FROM limit_version
WHERE process_version_id = %(process_version_id)s AND attribute = %(attribute)s AND kind = 'specification_limit'
    AND effective_from <= now()
ORDER BY effective_from DESC, known_at DESC LIMIT 1;

-- of_batch: What rules say of a batch now, by chart.
SELECT chart_signal_now.control_chart_id AS chart, chart_signal_now.rule, chart_signal_now.sentence
FROM chart_signal_now JOIN batch USING (batch_id)
WHERE batch.name = %(batch)s AND chart_signal_now.holds
ORDER BY chart_signal_now.control_chart_id, chart_signal_now.rule;

-- starts: When batches were started.
SELECT batch_id, min(lower(during)) AS started FROM unit_procedure
WHERE batch_id = ANY(%(batch_ids)s::integer[]) GROUP BY batch_id;

-- processes: The processes that a chart can be of.
SELECT name FROM process_version ORDER BY name;

-- attributes: The attributes whose values have a spread.
SELECT DISTINCT name FROM attribute WHERE scale NOT IN ('binary', 'ordinal') ORDER BY name;

-- tags: The tags that a summary can be of.
SELECT DISTINCT name FROM tag_now WHERE mapped ORDER BY name;

-- phases: The phases that batches have had.
SELECT DISTINCT name FROM phase ORDER BY name;

-- batches: The batches of a process, the newest first.
SELECT batch.name AS batch, batch.status, batch.starting_material, min(lower(unit_procedure.during)) AS started
FROM batch LEFT JOIN unit_procedure USING (batch_id)
WHERE batch.process_version_id = %(process_version_id)s
GROUP BY batch.batch_id
ORDER BY started DESC NULLS FIRST, batch.name;
