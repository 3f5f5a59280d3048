-- Every statement of the store, under its name. SQL keeps to PostgreSQL 15.
-- %(name)s is a parameter; {name} is a fragment of this file.

-- name: schema_table
SELECT to_regclass('alembic_version')::text;

-- name: make_partition
-- LIKE and ATTACH in place of PARTITION OF: that one would lock every reader out until the delivery is committed.
-- A twentieth of each page stays free: a row that changes stays on its page, and no page of an index is written for it.
CREATE TABLE {partition} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (fillfactor = 95);
ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({first}) TO ({beyond});

-- name: land_month
-- Months that are new are filled apart, so that their keys are sorted into an index once, at the end: half the time.
-- Room for changes as in make_partition.
CREATE TABLE {landed} (LIKE meter_reading INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
  CONSTRAINT {landed_month} CHECK (reading_ts >= {first} AND reading_ts < {beyond})) WITH (fillfactor = 95);
ALTER TABLE {landed} DROP recorded_at, DROP source_file_id, ALTER channel SET DEFAULT 'import',
  ALTER quality SET DEFAULT 'measured', ALTER source_version SET DEFAULT 0;

-- name: take_conflicted
WITH moved AS (DELETE FROM {landed} l USING conflicted c
                WHERE l.meter_id = c.meter_id AND l.channel = c.channel AND l.reading_ts = c.reading_ts RETURNING l.*)
INSERT INTO staged ({columns}) SELECT {columns} FROM moved;

-- name: take_repeated
WITH repeated AS (SELECT meter_id, channel, reading_ts FROM {landed} GROUP BY 1, 2, 3 HAVING count(*) > 1),
moved AS (DELETE FROM {landed} l USING repeated r
           WHERE l.meter_id = r.meter_id AND l.channel = r.channel AND l.reading_ts = r.reading_ts RETURNING l.*)
INSERT INTO staged ({columns}) SELECT {columns} FROM moved;

-- name: take_month
INSERT INTO staged ({columns}) SELECT {columns} FROM {landed};

-- name: drop_month
DROP TABLE {landed};

-- name: sort_month
ALTER TABLE {landed} ADD CONSTRAINT {landed_key} PRIMARY KEY (meter_id, channel, reading_ts);

-- name: name_month
-- When the rows are recorded is known only now; a constant that is added as a default writes no row anew.
ALTER TABLE {landed} ADD recorded_at timestamptz NOT NULL DEFAULT {recorded_at},
  ADD source_file_id bigint NOT NULL DEFAULT {source_file_id};
ALTER TABLE {landed} ALTER recorded_at DROP DEFAULT, ALTER source_file_id DROP DEFAULT, ALTER channel DROP DEFAULT,
  ALTER quality DROP DEFAULT, ALTER source_version DROP DEFAULT;
ALTER TABLE {landed} RENAME CONSTRAINT {landed_key} TO {partition_key};
ALTER TABLE {landed} RENAME TO {partition};

-- name: attach_month
-- The month's own check spares reading all of it once more.
ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({first}) TO ({beyond});
ALTER TABLE {partition} DROP CONSTRAINT {landed_month};

-- name: missing_partitions
-- From the catalogue's rows: to_regclass() answers from a cache that another transaction's commit need not have reached.
SELECT month
  FROM unnest(%(months)s::int[]) AS month
 WHERE NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                    WHERE i.inhparent = %(parent)s::regclass
                      AND c.relname = %(parent)s || to_char(make_date(month / 12, month %% 12 + 1, 1), '_YYYY_MM'))
 ORDER BY month;

-- name: known_delivery
SELECT id, line_count, row_count
  FROM source_file
 WHERE file_digest = %(file_digest)s AND profile_digest = %(profile_digest)s AND zone = %(zone)s AND status = 'loaded';

-- name: deliveries
SELECT id, file_name, file_digest, profile, profile_digest, declared, zone, zone_assumed, kept_as, status, reason,
       kept_digest, line_count AS lines, row_count AS rows, loaded, superseded, outranked, duplicates, quarantined, recorded_at,
       first_ts, last_ts
  FROM source_file
 WHERE %(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[])
 ORDER BY recorded_at, id;

-- name: open_source_file
INSERT INTO source_file (file_name, file_digest, profile, profile_digest, declared, zone, zone_assumed, units, quantities,
                         kept_as, status, reason, line_count, row_count, loaded, superseded, outranked, duplicates, quarantined, recorded_at)
VALUES (%(file_name)s, %(file_digest)s, %(profile)s, %(profile_digest)s, %(declared)s, %(zone)s, %(zone_assumed)s, %(units)s,
        %(quantities)s, %(kept_as)s, %(status)s, %(reason)s, %(lines)s, %(quarantined)s, 0, 0, 0, 0, %(quarantined)s, clock_timestamp())
    ON CONFLICT ON CONSTRAINT source_file_delivery
    DO UPDATE SET file_name = excluded.file_name, kept_as = coalesce(excluded.kept_as, source_file.kept_as),
       status = excluded.status, reason = excluded.reason, line_count = excluded.line_count,
       row_count = excluded.row_count, quarantined = excluded.quarantined, recorded_at = excluded.recorded_at
RETURNING id, recorded_at;

-- name: resolve_quarantine
UPDATE quarantined_reading SET resolved_at = %(recorded_at)s, resolution = 'delivered'
 WHERE source_file_id = %(source_file_id)s AND resolved_at IS NULL;

-- name: close_source_file
UPDATE source_file
   SET row_count = %(rows)s, loaded = %(loaded)s, superseded = %(superseded)s, outranked = %(outranked)s,
       duplicates = %(duplicates)s, quarantined = %(quarantined)s, line_count = %(lines)s, recorded_at = %(recorded_at)s,
       first_ts = %(first_ts)s, last_ts = %(last_ts)s
 WHERE id = %(source_file_id)s;

-- name: stage_refused
COPY refused (line, meter_id, reading_ts, code, raw_line) FROM STDIN (FORMAT binary);

-- name: quarantine_staged
INSERT INTO quarantined_reading (source_file_id, line_from, line_to, row_count, code, raw_line, meter_id, reading_ts, recorded_at)
SELECT %(source_file_id)s, line, line, 1, code, raw_line, meter_id, reading_ts, %(recorded_at)s FROM refused;

-- name: quarantine_range
INSERT INTO quarantined_reading (source_file_id, line_from, line_to, row_count, code, reason, recorded_at)
VALUES (%(source_file_id)s, %(line_from)s, %(line_to)s, %(row_count)s, %(code)s, %(reason)s, %(recorded_at)s);

-- name: stage
CREATE TEMP TABLE staged (
  n bigint GENERATED ALWAYS AS IDENTITY, turn int NOT NULL DEFAULT 0, meter_id text COLLATE "C" NOT NULL,
  channel text COLLATE "C" NOT NULL DEFAULT 'import', reading_ts timestamptz NOT NULL, interval_minutes int NOT NULL,
  units_kwh float8, voltage_v float8, temperature_c float8, power_factor float8, load_kw float8, frequency_hz float8,
  quality text NOT NULL DEFAULT 'measured', source_version int8 NOT NULL DEFAULT 0, available_ts timestamptz NOT NULL, line int8 NOT NULL, blanked jsonb) ON COMMIT DROP;
CREATE TEMP TABLE conflicted (LIKE staged INCLUDING IDENTITY INCLUDING DEFAULTS) ON COMMIT DROP;
CREATE TEMP TABLE refused (line int8 NOT NULL, meter_id text, reading_ts timestamptz, code text NOT NULL, raw_line text NOT NULL)
  ON COMMIT DROP;
CREATE TEMP TABLE staged_meter (meter_id text COLLATE "C" NOT NULL, line int8 NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE contested (meter_id text COLLATE "C" NOT NULL, channel text COLLATE "C" NOT NULL, month timestamptz NOT NULL)
  ON COMMIT DROP;

-- name: take_conflicts
-- Values of one key that differ though nothing orders them, wherever they stand in the file.
DELETE FROM staged s
 USING (SELECT meter_id, channel, reading_ts, quality, source_version, available_ts
          FROM (SELECT meter_id, channel, reading_ts, quality, source_version, available_ts, units_kwh FROM staged
                 UNION ALL
                SELECT meter_id, channel, reading_ts, quality, source_version, available_ts, units_kwh FROM conflicted) v
         WHERE units_kwh IS NOT NULL
         GROUP BY 1, 2, 3, 4, 5, 6
        HAVING min(units_kwh) <> max(units_kwh)) c
 WHERE s.units_kwh IS NOT NULL AND s.meter_id = c.meter_id AND s.channel = c.channel AND s.reading_ts = c.reading_ts
   AND s.quality = c.quality AND s.source_version = c.source_version AND s.available_ts = c.available_ts
RETURNING s.line, s.meter_id, s.reading_ts;

-- name: forget_repeats
-- Rows equal in everything to an earlier row of the file.
DELETE FROM staged s
 USING (SELECT n, row_number() OVER (PARTITION BY meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v,
                                     temperature_c, power_factor, load_kw, frequency_hz, quality, source_version, available_ts,
                                     coalesce(blanked ? 'units_kwh', false)
                                     ORDER BY line, n) AS nth FROM staged) r
 WHERE s.n = r.n AND r.nth > 1;

-- name: number_turns
-- Rows of one key take their turns one after the other, in the file's order, as if each came in a delivery of its own.
UPDATE staged s SET turn = r.turn
  FROM (SELECT n, row_number() OVER (PARTITION BY meter_id, channel, reading_ts ORDER BY line, n) - 1 AS turn FROM staged) r
 WHERE s.n = r.n AND r.turn > 0;

-- name: prefer_keys
-- With the usual 4 a planner reads whole months for one row in a hundred; these pages come in the order of their keys.
SET LOCAL random_page_cost = 1.1;

-- name: months_of_staged
ANALYZE staged (meter_id, channel, reading_ts, turn);
SELECT min(reading_ts), max(reading_ts), max(turn) + 1, count(*) FROM staged GROUP BY date_trunc('month', reading_ts) ORDER BY 1;

-- name: find_contested
-- A meter's month is contested where the store already holds something of it within the delivery's span.
TRUNCATE contested;
INSERT INTO contested
SELECT g.meter_id, g.channel, g.month
  FROM (SELECT meter_id, channel, date_trunc('month', reading_ts) AS month, min(reading_ts) AS first_ts,
               max(reading_ts) AS last_ts
          FROM staged WHERE reading_ts BETWEEN %(first_ts)s AND %(last_ts)s GROUP BY 1, 2, 3) g
 WHERE EXISTS (SELECT FROM meter_reading r
                WHERE r.meter_id = g.meter_id AND r.channel = g.channel
                  AND r.reading_ts BETWEEN g.first_ts AND g.last_ts
                  AND r.reading_ts BETWEEN %(first_ts)s AND %(last_ts)s);
ANALYZE contested;

-- name: conflicting_zone
SELECT s.line, m.zone
  FROM staged_meter s JOIN meter m USING (meter_id)
 WHERE m.zone <> %(zone)s AND NOT m.zone_assumed AND NOT %(zone_assumed)s::boolean
 ORDER BY s.line
 LIMIT 1;

-- name: add_meters
INSERT INTO meter (meter_id, zone, zone_assumed, country, subdivision, nominal_voltage_v, nominal_frequency_hz, fuse_a,
                   segment, tariff, feeder)
SELECT meter_id, %(zone)s, %(zone_assumed)s, %(country)s, %(subdivision)s, %(nominal_voltage_v)s, %(nominal_frequency_hz)s,
       %(fuse_a)s, %(segment)s, %(tariff)s, %(feeder)s
  FROM staged_meter
    ON CONFLICT (meter_id) DO UPDATE SET zone = excluded.zone, zone_assumed = false
 WHERE meter.zone_assumed AND NOT excluded.zone_assumed;

-- name: insert_uncontested
INSERT INTO meter_reading (meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c, power_factor,
       load_kw, frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line, blanked)
SELECT meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c, power_factor, load_kw, frequency_hz,
       quality, source_version, available_ts, %(recorded_at)s, %(source_file_id)s, line, blanked
  FROM staged i
 WHERE turn = 0 AND reading_ts BETWEEN %(first_ts)s AND %(last_ts)s
   AND NOT EXISTS (SELECT FROM contested c
                    WHERE c.meter_id = i.meter_id AND c.channel = i.channel AND c.month = date_trunc('month', i.reading_ts));

-- name: judge
-- One row for each incoming one of this turn: what it is, and the version that stands when it has been dealt with.
-- It holds all that follows from: joined to the staged rows again, a planner that expects few would compare all with all.
-- `wins`: the incoming version takes precedence over the standing one. Missing never displaces a value and always yields
-- to one; then quality, the source's version, the delivery time, and of equals the later. A withdrawal counts as a value:
-- the source's word for it stands under `blanked`.
CREATE TEMP TABLE judged ON COMMIT DROP AS
WITH pair AS (
  SELECT i.*, r AS old, r.ctid AS place, r.meter_id IS NOT NULL AS stands,
         CASE WHEN r.units_kwh IS NULL OR i.units_kwh IS NULL
              THEN r.units_kwh IS NULL AND i.units_kwh IS NULL AND a.new_says = a.old_says
              ELSE r.interval_minutes = i.interval_minutes
                   AND abs(r.units_kwh - i.units_kwh) <= 1e-9 + 1e-12 * abs(r.units_kwh) END AS same,
         a.old_says AND a.new_says AND r.interval_minutes <> i.interval_minutes AS conflict,
         CASE WHEN a.old_says <> a.new_says THEN a.new_says
              ELSE (array_position(%(qualities)s::text[], i.quality), i.source_version, i.available_ts)
                   >= (array_position(%(qualities)s::text[], r.quality), r.source_version, r.available_ts) END AS wins,
         (array_position(%(qualities)s::text[], i.quality), i.source_version) > (array_position(%(qualities)s::text[], r.quality), r.source_version) AS better
    FROM staged i
    LEFT JOIN meter_reading r ON r.meter_id = i.meter_id AND r.channel = i.channel AND r.reading_ts = i.reading_ts
                             AND r.reading_ts BETWEEN %(first_ts)s AND %(last_ts)s
   CROSS JOIN LATERAL (SELECT i.units_kwh IS NOT NULL OR coalesce(i.blanked ? 'units_kwh', false) AS new_says,
                              r.units_kwh IS NOT NULL OR coalesce(r.blanked ? 'units_kwh', false) AS old_says) a
   WHERE i.turn = %(turn)s AND i.reading_ts BETWEEN %(first_ts)s AND %(last_ts)s
     AND (i.turn > 0 OR EXISTS (SELECT FROM contested c
                                 WHERE c.meter_id = i.meter_id AND c.channel = i.channel
                                   AND c.month = date_trunc('month', i.reading_ts)))
), merged AS (
  SELECT p.*, a.*,
         (a.new_voltage_v, a.new_temperature_c, a.new_power_factor, a.new_load_kw, a.new_frequency_hz) AS auxiliary,
         (p.voltage_v, p.temperature_c, p.power_factor, p.load_kw, p.frequency_hz) AS own_auxiliary,
         ((p.old).voltage_v, (p.old).temperature_c, (p.old).power_factor, (p.old).load_kw, (p.old).frequency_hz) AS old_auxiliary
    FROM pair p
   CROSS JOIN LATERAL (
     SELECT CASE WHEN wins THEN coalesce(voltage_v, (old).voltage_v) ELSE coalesce((old).voltage_v, voltage_v) END
              AS new_voltage_v,
            CASE WHEN wins THEN coalesce(temperature_c, (old).temperature_c) ELSE coalesce((old).temperature_c, temperature_c) END
              AS new_temperature_c,
            CASE WHEN wins THEN coalesce(power_factor, (old).power_factor) ELSE coalesce((old).power_factor, power_factor) END
              AS new_power_factor,
            CASE WHEN wins THEN coalesce(load_kw, (old).load_kw) ELSE coalesce((old).load_kw, load_kw) END
              AS new_load_kw,
            CASE WHEN wins THEN coalesce(frequency_hz, (old).frequency_hz) ELSE coalesce((old).frequency_hz, frequency_hz) END
              AS new_frequency_hz) a
)
SELECT n, meter_id, channel, reading_ts, line, stands, wins, old, place,
       CASE WHEN NOT stands THEN 'loaded'
            WHEN conflict THEN 'quarantined'
            WHEN same THEN 'duplicates'
            WHEN wins AND (old).units_kwh IS NULL AND units_kwh IS NOT NULL THEN 'loaded'
            WHEN wins THEN 'superseded'
            ELSE 'outranked' END AS outcome,
       stands AND NOT conflict
         AND ((wins AND NOT same) OR (same AND better) OR auxiliary IS DISTINCT FROM old_auxiliary) AS changes,
       CASE WHEN stands AND auxiliary IS DISTINCT FROM CASE WHEN wins THEN own_auxiliary ELSE old_auxiliary END
            THEN greatest(available_ts, (old).available_ts)
            WHEN wins OR NOT stands THEN available_ts ELSE (old).available_ts END AS new_available_ts,
       new_voltage_v, new_temperature_c, new_power_factor, new_load_kw, new_frequency_hz,
       interval_minutes, units_kwh, voltage_v, temperature_c, power_factor, load_kw, frequency_hz, quality, source_version,
       available_ts, blanked
  FROM merged;
ANALYZE judged (meter_id, channel, reading_ts, place, outcome, changes, stands);

-- name: count_outcomes
SELECT outcome, count(*) FROM judged GROUP BY outcome;

-- name: conflicting_intervals
SELECT line, meter_id, reading_ts FROM judged WHERE outcome = 'quarantined' ORDER BY line, n;

-- name: keep_displaced
INSERT INTO meter_reading_history (meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c,
       power_factor, load_kw, frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line, blanked,
       verdict, judged_at, other_file_id, other_line)
SELECT (old).meter_id, (old).channel, (old).reading_ts, (old).interval_minutes, (old).units_kwh, (old).voltage_v,
       (old).temperature_c, (old).power_factor, (old).load_kw, (old).frequency_hz, (old).quality, (old).source_version,
       (old).available_ts, (old).recorded_at, (old).source_file_id, (old).line, (old).blanked,
       CASE outcome WHEN 'superseded' THEN 'superseded' WHEN 'loaded' THEN 'filled' ELSE 'completed' END,
       %(recorded_at)s, %(source_file_id)s, line
  FROM judged
 WHERE changes;

-- name: keep_outranked
INSERT INTO meter_reading_history (meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c,
       power_factor, load_kw, frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line, blanked,
       verdict, judged_at, other_file_id, other_line)
SELECT j.meter_id, j.channel, j.reading_ts, j.interval_minutes, j.units_kwh, j.voltage_v, j.temperature_c, j.power_factor,
       j.load_kw, j.frequency_hz, j.quality, j.source_version, j.available_ts, %(recorded_at)s, %(source_file_id)s, j.line,
       j.blanked, 'outranked', %(recorded_at)s, (j.old).source_file_id, (j.old).line
  FROM judged j
 WHERE j.outcome = 'outranked';

-- name: replace_changed
UPDATE meter_reading r
   SET interval_minutes = CASE WHEN j.wins THEN j.interval_minutes ELSE r.interval_minutes END,
       units_kwh = CASE WHEN j.wins THEN j.units_kwh ELSE r.units_kwh END,
       voltage_v = j.new_voltage_v, temperature_c = j.new_temperature_c, power_factor = j.new_power_factor,
       load_kw = j.new_load_kw, frequency_hz = j.new_frequency_hz,
       quality = CASE WHEN j.wins THEN j.quality ELSE r.quality END,
       source_version = CASE WHEN j.wins THEN j.source_version ELSE r.source_version END,
       available_ts = j.new_available_ts, recorded_at = %(recorded_at)s,
       source_file_id = CASE WHEN j.wins THEN %(source_file_id)s ELSE r.source_file_id END,
       line = CASE WHEN j.wins THEN j.line ELSE r.line END,
       blanked = CASE WHEN j.wins THEN j.blanked ELSE r.blanked END
  FROM judged j
 WHERE j.changes AND r.ctid = j.place AND r.meter_id = j.meter_id AND r.channel = j.channel AND r.reading_ts = j.reading_ts
   AND r.reading_ts BETWEEN %(first_ts)s AND %(last_ts)s;

-- name: insert_new
INSERT INTO meter_reading (meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c, power_factor,
       load_kw, frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line, blanked)
SELECT j.meter_id, j.channel, j.reading_ts, j.interval_minutes, j.units_kwh, j.voltage_v, j.temperature_c, j.power_factor,
       j.load_kw, j.frequency_hz, j.quality, j.source_version, j.available_ts, %(recorded_at)s, %(source_file_id)s, j.line, j.blanked
  FROM judged j
 WHERE NOT j.stands;

-- name: forget_judged
DROP TABLE judged;

-- name: meters_of_readings
SELECT meter_id, zone, country, subdivision
  FROM meter
 WHERE %(meters)s::text[] IS NULL OR meter_id = ANY (%(meters)s::text[])
 ORDER BY meter_id;

-- name: segments
SELECT meter_id, segment FROM meter WHERE segment IS NOT NULL;

-- name: meter_ids
SELECT meter_id FROM meter
 WHERE (%(first)s::text IS NULL OR meter_id >= %(first)s) AND (%(last)s::text IS NULL OR meter_id <= %(last)s)
 ORDER BY meter_id;

-- name: profiles_of_files
SELECT id, profile FROM source_file;

-- name: quantities
SELECT profile, quantities FROM source_file WHERE status = 'loaded' ORDER BY recorded_at;

-- name: copy_readings
-- Fixed-width rows: texts as codes, NULL as NaN.
COPY (
SELECT m.meter::int4, array_position(%(channels)s::text[], r.channel)::int2, r.reading_ts, r.interval_minutes,
       coalesce(r.units_kwh, 'NaN'), coalesce(r.voltage_v, 'NaN'), coalesce(r.temperature_c, 'NaN'),
       coalesce(r.power_factor, 'NaN'), coalesce(r.load_kw, 'NaN'), coalesce(r.frequency_hz, 'NaN'),
       array_position(%(qualities)s::text[], r.quality)::int2, r.source_version, r.available_ts, r.source_file_id
  FROM {versions} r
  JOIN (SELECT meter_id, row_number() OVER (ORDER BY meter_id) - 1 AS meter
          FROM meter
         WHERE %(meters)s::text[] IS NULL OR meter_id = ANY (%(meters)s::text[])) m USING (meter_id)
 WHERE r.reading_ts >= %(since)s AND r.reading_ts < %(until)s
   AND {condition}
{first}
) TO STDOUT (FORMAT binary);

-- name: first_readings
-- In the order of the key, so that no more is read than is shown.
ORDER BY r.meter_id, r.channel, r.reading_ts LIMIT %(most)s

-- name: as_known
-- Of each key the version that stood by what could be known and what had been stored.
(SELECT DISTINCT ON (meter_id, channel, reading_ts) *
   FROM meter_reading_version
  WHERE available_ts <= %(available_until)s AND recorded_at <= %(recorded_until)s
    AND (withdrawn_at IS NULL OR withdrawn_at > least(%(available_until)s, %(recorded_until)s))
    AND reading_ts >= %(since)s AND reading_ts < %(until)s
    AND (%(meters)s::text[] IS NULL OR meter_id = ANY (%(meters)s::text[]))
  ORDER BY meter_id, channel, reading_ts, stands DESC, units_kwh IS NULL AND NOT takes_back, array_position(%(qualities)s::text[], quality) DESC,
           source_version DESC, available_ts DESC, recorded_at DESC, source_file_id DESC, line DESC)

-- name: not_predicted
NOT EXISTS (SELECT FROM prediction p
             WHERE p.meter_id = r.meter_id AND p.channel = r.channel AND p.reading_ts = r.reading_ts
               AND p.model_name = %(model_name)s AND p.model_version = %(model_version)s)

-- name: start_prediction_run
INSERT INTO prediction_run (task, model_name, model_version, predictor_digest, made_at)
VALUES (%(task)s, %(model_name)s, %(model_version)s, %(predictor_digest)s, clock_timestamp())
RETURNING id;

-- name: prediction_run
SELECT id, model_name, model_version, made_at FROM prediction_run WHERE id = %(run_id)s;

-- name: stage_predictions
CREATE TEMP TABLE staged_prediction (LIKE prediction INCLUDING DEFAULTS) ON COMMIT DROP;

-- name: copy_predictions
COPY staged_prediction (meter_id, channel, origin_ts, reading_ts, interval_minutes, units_kwh, low_kwh, high_kwh, data_known_until,
       horizon_minutes, in_training, status, basis, run_id, model_name, model_version, made_at) FROM STDIN;

-- name: upsert_predictions
-- The same key again, as after a run that was killed half way: the later answer stands.
INSERT INTO prediction AS p
SELECT * FROM staged_prediction
    ON CONFLICT (meter_id, channel, reading_ts, origin_ts, model_name, model_version)
    DO UPDATE SET interval_minutes = excluded.interval_minutes, units_kwh = excluded.units_kwh, low_kwh = excluded.low_kwh,
       high_kwh = excluded.high_kwh, made_at = excluded.made_at, data_known_until = excluded.data_known_until,
       horizon_minutes = excluded.horizon_minutes, in_training = excluded.in_training, status = excluded.status,
       basis = excluded.basis, run_id = excluded.run_id;

-- name: count_predictions
UPDATE prediction_run SET row_count = row_count + %(rows)s WHERE id = %(run_id)s;

-- name: record_promotion
INSERT INTO promotion (model_name, model_version, previous_version, action, who, why, predictor_digest)
VALUES (%(model_name)s, %(model_version)s, %(previous_version)s, %(action)s, %(who)s, %(why)s, %(predictor_digest)s)
RETURNING id, decided_at;

-- name: promotions
SELECT id, model_name, model_version, previous_version, action, who, why, predictor_digest, decided_at
  FROM promotion
 WHERE %(model_name)s::text IS NULL OR model_name = %(model_name)s
 ORDER BY decided_at DESC, id DESC;

-- name: last_decision
SELECT action
  FROM promotion
 WHERE model_name = %(model_name)s AND model_version = %(model_version)s AND predictor_digest = %(predictor_digest)s
 ORDER BY decided_at DESC, id DESC
 LIMIT 1;

-- name: freshness
-- Months are asked from the newest back until one answers: the key begins with the meter, so that the latest of all
-- months would cost reading them all.
SELECT (SELECT count(*) FROM meter) AS meters,
       (SELECT coalesce(sum(loaded + superseded), 0)::bigint FROM source_file WHERE status = 'loaded') AS loaded,
       (SELECT newest.reading_ts
          FROM (SELECT to_date(right(c.relname, 7), 'YYYY_MM')::timestamptz AS begins
                  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'meter_reading'::regclass
                 ORDER BY 1 DESC) m
         CROSS JOIN LATERAL (SELECT max(reading_ts) AS reading_ts FROM meter_reading
                              WHERE reading_ts >= m.begins AND reading_ts < m.begins + interval '1 month') newest
         WHERE newest.reading_ts IS NOT NULL
         ORDER BY m.begins DESC
         LIMIT 1) AS newest_reading_ts,
       (SELECT coalesce(sum(q.row_count), 0)::bigint FROM quarantined_reading q
          JOIN source_file f ON f.id = q.source_file_id AND f.status = 'loaded'
         WHERE q.resolved_at IS NULL) AS quarantined,
       (SELECT count(*) FROM source_file WHERE status = 'stopped') AS stopped,
       (SELECT coalesce(sum(row_count), 0)::bigint FROM prediction_run) AS predictions,
       (SELECT max(made_at) FROM prediction_run) AS newest_prediction_at;

-- name: newest_value
-- Months are asked from the newest back: the key begins with meter and channel, so that each costs one look.
(SELECT r.reading_ts, r.interval_minutes
   FROM meter_reading r
  WHERE r.meter_id = m.meter_id AND r.channel = %(channel)s AND r.units_kwh IS NOT NULL
    AND r.quality = ANY (%(qualities)s::text[])
  ORDER BY r.reading_ts DESC
  LIMIT 1)

-- name: meters_from
SELECT m.meter_id, m.zone, newest.reading_ts, newest.interval_minutes, m.country, m.subdivision
  FROM meter m
  LEFT JOIN LATERAL {newest_value} AS newest ON true
 WHERE m.meter_id > %(after)s
   AND (%(meters)s::text[] IS NULL OR m.meter_id = ANY (%(meters)s::text[]))
 ORDER BY m.meter_id
 LIMIT %(limit)s;

-- name: one_meter
-- A meter that may not be seen is asked for too: its answer must take as long as that of one that is not there.
SELECT m.meter_id, m.zone, newest.reading_ts, newest.interval_minutes, m.country, m.subdivision
  FROM meter m
  LEFT JOIN LATERAL {newest_value} AS newest ON true
 WHERE m.meter_id = %(meter_id)s AND (%(meters)s::text[] IS NULL OR m.meter_id = ANY (%(meters)s::text[]));

-- name: values_until
SELECT array_agg(extract(epoch FROM reading_ts)::bigint ORDER BY reading_ts), array_agg(units_kwh ORDER BY reading_ts)
  FROM meter_reading
 WHERE meter_id = %(meter_id)s AND channel = %(channel)s
   AND reading_ts >= %(since)s AND reading_ts <= %(last)s
   AND interval_minutes = %(interval_minutes)s AND units_kwh IS NOT NULL AND quality = ANY (%(qualities)s::text[]);

-- name: energy_between
-- Of each span between two edges: energy, minutes of known values, and the rank of the poorest quality among them.
SELECT width_bucket(reading_ts, %(edges)s::timestamptz[]) - 1,
       sum(units_kwh ORDER BY reading_ts), sum(interval_minutes)::bigint,
       min(array_position(%(ranked)s::text[], quality)) - 1
  FROM meter_reading
 WHERE meter_id = %(meter_id)s AND channel = %(channel)s
   AND reading_ts >= %(since)s AND reading_ts < %(until)s AND units_kwh IS NOT NULL
 GROUP BY 1
 ORDER BY 1;

-- name: same_delivery
SELECT id
  FROM source_file
 WHERE file_digest = %(file_digest)s AND profile_digest = %(profile_digest)s AND zone = %(zone)s AND id <> %(source_file_id)s;

-- name: deliveries_within
-- Duplicates leave no trace but a count: a delivery that has any may hold a key of the span.
SELECT f.id
  FROM source_file f
 WHERE f.status = 'loaded' AND f.id <> ALL (%(apart_from)s::bigint[])
   AND coalesce(f.first_ts <= %(last_ts)s AND f.last_ts >= %(first_ts)s, f.row_count > f.quarantined)
   AND (f.duplicates > 0
        OR EXISTS (SELECT FROM meter_reading r
                    WHERE r.source_file_id = f.id AND r.meter_id = ANY (%(meters)s::text[])
                      AND r.reading_ts BETWEEN %(first_ts)s AND %(last_ts)s)
        OR EXISTS (SELECT FROM meter_reading_history h
                    WHERE f.id IN (h.source_file_id, h.other_file_id) AND h.meter_id = ANY (%(meters)s::text[])
                      AND h.reading_ts BETWEEN %(first_ts)s AND %(last_ts)s AND h.verdict <> 'withdrawn')
        OR EXISTS (SELECT FROM quarantined_reading q
                    WHERE q.source_file_id = f.id AND q.resolved_at IS NULL AND q.code = 'interval_conflict'
                      AND q.meter_id = ANY (%(meters)s::text[])));

-- name: refused_rows
SELECT line_from, meter_id, reading_ts
  FROM quarantined_reading
 WHERE source_file_id = %(source_file_id)s AND code <> %(but)s AND (resolved_at IS NULL OR resolution = 'released');

-- name: released_rows
SELECT resolved_at, line_from, meter_id, reading_ts
  FROM quarantined_reading
 WHERE source_file_id = %(source_file_id)s AND resolution = 'released';

-- name: remember_versions
CREATE TEMP TABLE remembered ON COMMIT DROP AS SELECT * FROM meter_reading_version WITH NO DATA;

-- name: fill_remembered
INSERT INTO remembered
SELECT meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c, power_factor, load_kw,
       frequency_hz, quality, source_version, available_ts, recorded_at, %(source_file_id)s, line, stands
  FROM meter_reading_version
 WHERE source_file_id = ANY (%(ids)s::bigint[]) AND meter_id = ANY (%(meters)s::text[])
   AND reading_ts BETWEEN %(first_ts)s AND %(last_ts)s AND withdrawn_at IS NULL;

-- name: forget_readings
DELETE FROM meter_reading WHERE meter_id = ANY (%(meters)s::text[]) AND reading_ts BETWEEN %(first_ts)s AND %(last_ts)s;

-- name: forget_history
DELETE FROM meter_reading_history
 WHERE meter_id = ANY (%(meters)s::text[]) AND reading_ts BETWEEN %(first_ts)s AND %(last_ts)s AND verdict <> 'withdrawn';

-- name: forget_interval_conflicts
DELETE FROM quarantined_reading
 WHERE meter_id = ANY (%(meters)s::text[]) AND reading_ts BETWEEN %(first_ts)s AND %(last_ts)s
   AND code = %(code)s AND resolved_at IS NULL;

-- name: assume_zones
-- Nothing that stays says where these meters stand: what is delivered again says it.
UPDATE meter m SET zone_assumed = true
 WHERE m.meter_id = ANY (%(meters)s::text[])
   AND NOT EXISTS (SELECT FROM meter_reading r WHERE r.meter_id = m.meter_id);

-- name: unstage
DROP TABLE staged, conflicted, refused, staged_meter, contested;

-- name: replay_quarantine
UPDATE quarantined_reading
   SET resolved_at = coalesce(resolved_at, %(recorded_at)s), resolution = 'replayed', resolved_by = %(who)s, resolved_why = %(why)s
 WHERE source_file_id = %(source_file_id)s AND (resolved_at IS NULL OR resolution = 'released');

-- name: recount
UPDATE source_file
   SET loaded = loaded + %(loaded)s, superseded = superseded + %(superseded)s, outranked = outranked + %(outranked)s,
       duplicates = duplicates + %(duplicates)s, quarantined = quarantined + %(quarantined)s
 WHERE id = %(source_file_id)s;

-- name: drop_quarantine
DELETE FROM quarantined_reading WHERE source_file_id = %(source_file_id)s;

-- name: drop_delivery
DELETE FROM source_file WHERE id = %(source_file_id)s;

-- name: rewrite_delivery
UPDATE source_file
   SET profile = %(profile)s, profile_digest = %(profile_digest)s, declared = %(declared)s, zone = %(zone)s,
       zone_assumed = %(zone_assumed)s, units = %(units)s, quantities = %(quantities)s, status = 'loaded', reason = NULL,
       line_count = %(lines)s, row_count = %(rows)s, loaded = %(loaded)s, superseded = %(superseded)s,
       outranked = %(outranked)s, duplicates = %(duplicates)s, quarantined = %(quarantined)s, first_ts = %(first_ts)s,
       last_ts = %(last_ts)s
 WHERE id = %(source_file_id)s;

-- name: keep_recorded_at
-- What the replay did not change was stored when it was stored.
UPDATE meter_reading r SET recorded_at = b.recorded_at
  FROM remembered b
 WHERE r.source_file_id = %(source_file_id)s AND b.meter_id = r.meter_id AND b.channel = r.channel AND b.reading_ts = r.reading_ts
   AND b.line = r.line AND b.recorded_at < r.recorded_at
   AND (b.interval_minutes, b.units_kwh, b.voltage_v, b.temperature_c, b.power_factor, b.load_kw, b.frequency_hz, b.quality,
        b.source_version, b.available_ts)
       IS NOT DISTINCT FROM (r.interval_minutes, r.units_kwh, r.voltage_v, r.temperature_c, r.power_factor, r.load_kw,
        r.frequency_hz, r.quality, r.source_version, r.available_ts);

-- name: keep_recorded_at_in_history
UPDATE meter_reading_history r SET recorded_at = b.recorded_at
  FROM remembered b
 WHERE r.source_file_id = %(source_file_id)s AND b.meter_id = r.meter_id AND b.channel = r.channel AND b.reading_ts = r.reading_ts
   AND b.line = r.line AND b.recorded_at < r.recorded_at AND r.verdict <> 'withdrawn'
   AND (b.interval_minutes, b.units_kwh, b.voltage_v, b.temperature_c, b.power_factor, b.load_kw, b.frequency_hz, b.quality,
        b.source_version, b.available_ts)
       IS NOT DISTINCT FROM (r.interval_minutes, r.units_kwh, r.voltage_v, r.temperature_c, r.power_factor, r.load_kw,
        r.frequency_hz, r.quality, r.source_version, r.available_ts);

-- name: keep_withdrawn
INSERT INTO meter_reading_history (meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c,
       power_factor, load_kw, frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line,
       verdict, judged_at, other_file_id, other_line)
SELECT b.meter_id, b.channel, b.reading_ts, b.interval_minutes, b.units_kwh, b.voltage_v, b.temperature_c, b.power_factor,
       b.load_kw, b.frequency_hz, b.quality, b.source_version, b.available_ts, b.recorded_at, b.source_file_id, b.line,
       'withdrawn', %(now)s, b.source_file_id, b.line
  FROM remembered b
 WHERE NOT EXISTS (
       SELECT FROM meter_reading_version v
        WHERE v.source_file_id = b.source_file_id AND v.withdrawn_at IS NULL AND v.meter_id = b.meter_id
          AND v.channel = b.channel AND v.reading_ts = b.reading_ts AND v.line = b.line AND v.recorded_at = b.recorded_at);

-- name: forget_meters_without_values
DELETE FROM meter m
 WHERE m.meter_id = ANY (%(meters)s::text[])
   AND NOT EXISTS (SELECT FROM meter_reading r WHERE r.meter_id = m.meter_id)
   AND NOT EXISTS (SELECT FROM meter_installation i WHERE i.meter_id = m.meter_id);

-- name: record_intervention
INSERT INTO intervention (action, who, why, source_file_id, evidence, done_at)
VALUES (%(action)s, %(who)s, %(why)s, %(source_file_id)s, %(evidence)s, clock_timestamp());

-- name: quarantine_groups
-- Of each delivery and rule how many values wait, and the first of them.
SELECT g.*, q.line_from AS first_line, q.raw_line AS example, q.reason
  FROM (SELECT f.id AS delivery, f.file_name AS file, f.profile, q.code AS rule, sum(q.row_count)::bigint AS rows, min(q.id) AS row
          FROM quarantined_reading q JOIN source_file f ON f.id = q.source_file_id
         WHERE q.resolved_at IS NULL
           AND (%(delivery)s::bigint IS NULL OR f.id = %(delivery)s) AND (%(rule)s::text IS NULL OR q.code = %(rule)s)
         GROUP BY f.id, q.code) g
  JOIN quarantined_reading q ON q.id = g.row
 ORDER BY g.delivery, g.rule;

-- name: quarantined_rows
SELECT q.id, q.source_file_id AS delivery, f.file_name AS file, q.line_from, q.line_to, q.row_count AS rows, q.code AS rule,
       q.reason, q.raw_line, q.meter_id, q.reading_ts, q.recorded_at, q.resolved_at, q.resolution, q.resolved_by, q.resolved_why
  FROM quarantined_reading q JOIN source_file f ON f.id = q.source_file_id
 WHERE (%(ids)s::bigint[] IS NULL OR q.id = ANY (%(ids)s::bigint[]))
   AND (%(delivery)s::bigint IS NULL OR q.source_file_id = %(delivery)s)
   AND (%(rule)s::text IS NULL OR q.code = %(rule)s)
   AND (%(line)s::bigint IS NULL OR %(line)s BETWEEN q.line_from AND q.line_to)
   AND (%(all)s OR q.resolved_at IS NULL)
 ORDER BY q.source_file_id, q.line_from, q.id;

-- name: release_rows
UPDATE quarantined_reading
   SET resolved_at = %(recorded_at)s, resolution = 'released', resolved_by = %(who)s, resolved_why = %(why)s
 WHERE id = ANY (%(ids)s::bigint[]) AND resolved_at IS NULL;

-- name: widen_span
UPDATE source_file SET first_ts = least(first_ts, %(first_ts)s), last_ts = greatest(last_ts, %(last_ts)s)
 WHERE id = %(source_file_id)s;

-- name: erase_meter_reading
DELETE FROM meter_reading WHERE meter_id = %(meter_id)s;

-- name: erase_meter_reading_history
DELETE FROM meter_reading_history WHERE meter_id = %(meter_id)s;

-- name: erase_quarantined_reading
-- A line that could not be split into its fields names its meter only as a part of it.
DELETE FROM quarantined_reading
 WHERE meter_id = %(meter_id)s OR (meter_id IS NULL AND raw_line ~ %(names)s);

-- name: erase_prediction
DELETE FROM prediction WHERE meter_id = %(meter_id)s;

-- name: erase_meter_installation
DELETE FROM meter_installation WHERE meter_id = %(meter_id)s;

-- name: erase_topology
DELETE FROM topology WHERE %(meter_id)s IN (child, parent);

-- name: erase_meter
DELETE FROM meter WHERE meter_id = %(meter_id)s;

-- name: note_kept
UPDATE source_file
   SET kept_digest = %(kept_digest)s, kept_as = CASE WHEN %(kept_digest)s::text IS NOT NULL THEN kept_as END
 WHERE kept_as = %(kept_as)s;

-- name: rename_delivery
UPDATE source_file
   SET file_name = %(file_name)s, reason = NULL,
       declared = CASE WHEN declared ->> 'meter_id' = %(meter_id)s THEN jsonb_set(declared, '{meter_id}', 'null') ELSE declared END
 WHERE id = %(source_file_id)s;

-- name: newest_day
SELECT max(r.reading_ts + r.interval_minutes * interval '1 minute')
  FROM meter m CROSS JOIN LATERAL (
       SELECT reading_ts, interval_minutes FROM meter_reading
        WHERE meter_id = m.meter_id AND channel = %(channel)s ORDER BY reading_ts DESC LIMIT 1) r;

-- name: meters_with_their_first
SELECT m.meter_id, m.zone, r.reading_ts
  FROM meter m CROSS JOIN LATERAL (
       SELECT reading_ts FROM meter_reading
        WHERE meter_id = m.meter_id AND channel = %(channel)s ORDER BY reading_ts LIMIT 1) r
 WHERE m.meter_id = ANY (%(meters)s::text[])
 ORDER BY m.meter_id;

-- name: known_minutes
-- Of each meter and local day the minutes with a measured value, with an estimate, and delivered as missing. An interval
-- that begins before a midnight and ends behind it counts for each day with what it has of it.
WITH row AS (
  SELECT r.meter_id, m.zone, r.reading_ts AS begins, r.reading_ts + r.interval_minutes * interval '1 minute' AS ends,
         (r.reading_ts AT TIME ZONE m.zone)::date AS first_day,
         ((r.reading_ts + r.interval_minutes * interval '1 minute' - interval '1 microsecond') AT TIME ZONE m.zone)::date AS last_day,
         r.interval_minutes AS minutes, CASE WHEN r.units_kwh IS NULL THEN 'missing'
                                             WHEN r.quality = ANY (%(qualities)s::text[]) THEN 'measured' ELSE 'estimated' END AS kind
    FROM meter_reading r JOIN meter m USING (meter_id)
   WHERE r.meter_id = ANY (%(meters)s::text[]) AND r.channel = %(channel)s
     AND r.reading_ts >= %(since)s AND r.reading_ts < %(until)s
), part AS (
  SELECT meter_id, first_day AS day, minutes, kind FROM row WHERE first_day = last_day
   UNION ALL
  SELECT meter_id, day, extract(epoch FROM least(ends, (day + 1)::timestamp AT TIME ZONE zone)
                                           - greatest(begins, day::timestamp AT TIME ZONE zone)) / 60, kind
    FROM row CROSS JOIN LATERAL (SELECT first_day + n AS day FROM generate_series(0, last_day - first_day) AS n) d
   WHERE first_day < last_day
)
SELECT meter_id, day, coalesce(sum(minutes) FILTER (WHERE kind = 'measured'), 0)::int,
       coalesce(sum(minutes) FILTER (WHERE kind = 'estimated'), 0)::int,
       coalesce(sum(minutes) FILTER (WHERE kind = 'missing'), 0)::int
  FROM part
 GROUP BY meter_id, day;

-- name: gaps
-- Stretches of time without a value, from a meter's first value or the window's beginning on, to the window's end.
WITH value AS (
  SELECT meter_id, reading_ts, reading_ts + interval_minutes * interval '1 minute' AS ends, interval_minutes
    FROM meter_reading
   WHERE channel = %(channel)s AND units_kwh IS NOT NULL AND reading_ts >= %(since)s AND reading_ts < %(until)s
     AND (%(meters)s::text[] IS NULL OR meter_id = ANY (%(meters)s::text[]))
   UNION ALL
  SELECT m.meter_id, before.reading_ts, before.reading_ts + before.interval_minutes * interval '1 minute', before.interval_minutes
    FROM meter m CROSS JOIN LATERAL (
         SELECT reading_ts, interval_minutes FROM meter_reading
          WHERE meter_id = m.meter_id AND channel = %(channel)s AND units_kwh IS NOT NULL AND reading_ts < %(since)s
          ORDER BY reading_ts DESC LIMIT 1) before
   WHERE %(meters)s::text[] IS NULL OR m.meter_id = ANY (%(meters)s::text[]))
SELECT meter_id, greatest(ends, %(since)s), next_ts, interval_minutes
  FROM (SELECT meter_id, ends, interval_minutes,
               coalesce(lead(reading_ts) OVER (PARTITION BY meter_id ORDER BY reading_ts), %(until)s) AS next_ts
          FROM value) v
 WHERE next_ts > greatest(ends, %(since)s)
 ORDER BY 1, 2;

-- name: evidence_of_meters
-- Of each meter what a training would find in a window: measured values, their bounds, their interval lengths.
SELECT m.meter_id, first.reading_ts AS first_ts, v.last_measured_ts, coalesce(v.measured_minutes, 0)::bigint AS measured_minutes,
       coalesce(v.estimated_minutes, 0)::bigint AS estimated_minutes, coalesce(v.lengths, '{}') AS lengths, v.lowest_kwh, v.highest_kwh
  FROM meter m
  LEFT JOIN LATERAL (
       SELECT reading_ts FROM meter_reading
        WHERE meter_id = m.meter_id AND channel = %(channel)s ORDER BY reading_ts LIMIT 1) first ON true
  LEFT JOIN (
       SELECT meter_id, max(reading_ts) FILTER (WHERE quality = ANY (%(qualities)s::text[])) AS last_measured_ts,
              sum(interval_minutes) FILTER (WHERE quality = ANY (%(qualities)s::text[])) AS measured_minutes,
              sum(interval_minutes) FILTER (WHERE quality <> ALL (%(qualities)s::text[])) AS estimated_minutes,
              array_agg(DISTINCT interval_minutes) AS lengths,
              min(units_kwh) FILTER (WHERE quality = ANY (%(qualities)s::text[])) AS lowest_kwh,
              max(units_kwh) FILTER (WHERE quality = ANY (%(qualities)s::text[])) AS highest_kwh
         FROM meter_reading
        WHERE channel = %(channel)s AND units_kwh IS NOT NULL AND reading_ts >= %(since)s AND reading_ts < %(until)s
        GROUP BY meter_id) v USING (meter_id)
 ORDER BY m.meter_id;

-- name: partitions
SELECT c.relname, i.inhparent::regclass::text,
       split_part(right(c.relname, 7), '_', 1)::int * 12 + split_part(right(c.relname, 7), '_', 2)::int - 1
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent IN ('meter_reading'::regclass, 'prediction'::regclass);

-- name: old_rows_of_meter_reading_history
reading_ts < {cutoff}

-- name: old_rows_of_quarantined_reading
-- Of a row without a time its delivery tells how old it is. A row that waits for a person stays, and so does one that
-- came lately: its time may be the fault for which it was refused.
(resolved_at IS NOT NULL AND recorded_at < {cutoff})
AND (reading_ts < {cutoff}
 OR (reading_ts IS NULL AND source_file_id IN (SELECT id FROM source_file WHERE last_ts < {cutoff})))

-- name: drop_month_of
ALTER TABLE {parent} DETACH PARTITION {partition};
DROP TABLE {partition};

-- name: columns_of
SELECT attname FROM pg_attribute
 WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum;

-- name: archived_files
SELECT evidence ->> 'file' FROM intervention WHERE action = 'archived';

-- name: archived_before
SELECT max((evidence ->> 'before')::timestamptz) FROM intervention WHERE action = 'archived';

-- name: deliveries_before
SELECT id FROM source_file WHERE kept_as IS NOT NULL AND kept_as NOT LIKE 'archive/%%' AND last_ts < %(until)s;

-- name: moved_delivery
UPDATE source_file SET kept_as = %(kept_as)s WHERE kept_as = %(before)s;

-- name: meet_meter
INSERT INTO meter (meter_id, zone, zone_assumed) VALUES (%(meter_id)s, 'UTC', true) ON CONFLICT DO NOTHING;

-- name: record_installation
INSERT INTO meter_installation (meter_id, valid_from, valid_until, device, multiplier, register_digits)
VALUES (%(meter_id)s, %(valid_from)s, %(valid_until)s, %(device)s, %(multiplier)s, %(register_digits)s)
    ON CONFLICT (meter_id, valid_from) DO UPDATE SET valid_until = excluded.valid_until, device = excluded.device,
       multiplier = excluded.multiplier, register_digits = excluded.register_digits;

-- name: installations
-- The most that a fuse lets through: three phases. A meter without a device has its fuse all the same.
SELECT m.meter_id, coalesce(i.valid_from, '1900-01-01Z'), i.valid_until, coalesce(i.device, ''), i.multiplier,
       i.register_digits, m.fuse_a * coalesce(m.nominal_voltage_v, 230) * 3 / 1000
  FROM meter m LEFT JOIN meter_installation i ON i.meter_id = m.meter_id
 WHERE m.meter_id = ANY (%(meters)s::text[]) AND (i.meter_id IS NOT NULL OR m.fuse_a IS NOT NULL);

-- name: registers
SELECT k.n - 1, (r.blanked -> 'register' ->> 'value')::float8, coalesce(r.blanked -> 'register' ->> 'device', '')
  FROM unnest(%(meters)s::text[], %(channels)s::text[], %(begins)s::timestamptz[], %(minutes)s::int[])
       WITH ORDINALITY k (meter_id, channel, reading_ts, interval_minutes, n)
  JOIN meter_reading r ON r.meter_id = k.meter_id AND r.channel = k.channel AND r.reading_ts = k.reading_ts
   AND r.interval_minutes = k.interval_minutes
 WHERE r.reading_ts BETWEEN %(first_ts)s AND %(last_ts)s AND r.blanked -> 'register' IS NOT NULL;

-- name: meet_place
INSERT INTO weather_place (place) SELECT unnest(%(places)s::text[]) ON CONFLICT DO NOTHING;

-- name: record_place
INSERT INTO weather_place (place, latitude, longitude, is_default)
VALUES (%(place)s, %(latitude)s, %(longitude)s, %(is_default)s)
    ON CONFLICT (place) DO UPDATE SET latitude = coalesce(excluded.latitude, weather_place.latitude),
       longitude = coalesce(excluded.longitude, weather_place.longitude), is_default = excluded.is_default OR weather_place.is_default;

-- name: no_default_place
UPDATE weather_place SET is_default = false WHERE is_default AND place <> %(place)s;

-- name: stand_at
UPDATE meter SET place = %(place)s WHERE meter_id = ANY (%(meters)s::text[]) RETURNING meter_id;

-- name: stand_at_place
-- The meters that stand at a place; nothing where there is no such place, which stays as it is until the transaction ends.
SELECT (SELECT count(*) FROM meter m WHERE m.place = p.place OR (m.place IS NULL AND p.is_default))
  FROM weather_place p WHERE p.place = %(place)s FOR UPDATE;

-- name: leave_place
UPDATE meter SET place = NULL WHERE place = %(place)s;

-- name: remove_weather
DELETE FROM weather WHERE place = %(place)s;

-- name: remove_place
DELETE FROM weather_place WHERE place = %(place)s;

-- name: places
SELECT place, latitude, longitude, is_default FROM weather_place ORDER BY place;

-- name: place_of_meters
SELECT m.meter_id, coalesce(m.place, d.place)
  FROM meter m LEFT JOIN weather_place d ON d.is_default
 WHERE (%(meters)s::text[] IS NULL OR m.meter_id = ANY (%(meters)s::text[])) AND coalesce(m.place, d.place) IS NOT NULL;

-- name: record_weather
INSERT INTO weather (place, valid_at, issued_at, observed, temperature_c, source)
SELECT DISTINCT ON (place, valid_s, issued_s, observed)
       place, to_timestamp(valid_s), to_timestamp(issued_s), observed, temperature_c, %(source)s
  FROM unnest(%(place)s::text[], %(valid_s)s::bigint[], %(issued_s)s::bigint[], %(observed)s::boolean[],
              %(temperature_c)s::float8[]) WITH ORDINALITY w (place, valid_s, issued_s, observed, temperature_c, n)
 ORDER BY place, valid_s, issued_s, observed, n DESC
    ON CONFLICT (place, valid_at, issued_at, observed) DO UPDATE
       SET temperature_c = excluded.temperature_c, source = excluded.source, recorded_at = now()
     WHERE weather.temperature_c <> excluded.temperature_c;

-- name: weather_between
SELECT place, extract(epoch FROM valid_at)::bigint, extract(epoch FROM issued_at)::bigint, observed, temperature_c
  FROM weather
 WHERE place = ANY (%(places)s::text[]) AND valid_at >= %(since)s AND valid_at < %(until)s AND recorded_at <= %(recorded_until)s
 ORDER BY place, valid_at, issued_at, observed;

-- name: weather_as_known
-- Of each instant the temperature that counts of those known at a moment: measured before forecast, then the newest.
SELECT DISTINCT ON (place, valid_at)
       place, extract(epoch FROM valid_at)::bigint, extract(epoch FROM issued_at)::bigint, observed, temperature_c
  FROM weather
 WHERE place = ANY (%(places)s::text[]) AND valid_at >= %(since)s AND valid_at < %(until)s AND recorded_at <= %(recorded_until)s
   AND issued_at <= %(known_at)s
 ORDER BY place, valid_at, observed DESC, issued_at DESC;

-- name: weather_summary
SELECT p.place, p.latitude, p.longitude, p.is_default,
       (SELECT count(*) FROM meter m WHERE m.place = p.place OR (m.place IS NULL AND p.is_default)) AS meters,
       count(w.place) FILTER (WHERE w.observed) AS observations,
       count(w.place) FILTER (WHERE NOT w.observed) AS forecasts,
       min(w.valid_at) AS first_valid_at, max(w.valid_at) AS last_valid_at,
       max(w.issued_at) FILTER (WHERE NOT w.observed) AS newest_forecast_at, max(w.recorded_at) AS recorded_at
  FROM weather_place p LEFT JOIN weather w USING (place)
 GROUP BY p.place
 ORDER BY p.place;

-- name: newest_forecasts
-- The newest issue of each source, by place where meters stand; of what reaches into the present or, where none does, into the last days that are forecast.
SELECT p.place, n.source, n.issued_at
  FROM weather_place p
  LEFT JOIN LATERAL (SELECT w.source, max(w.issued_at) AS issued_at
                       FROM weather w
                      WHERE w.place = p.place AND NOT w.observed
                        AND w.valid_at >= least(now() - interval '1 day',
                                                (SELECT max(valid_at) FROM weather l WHERE l.place = p.place AND NOT l.observed) - interval '17 days')
                      GROUP BY w.source) n ON true
 WHERE EXISTS (SELECT 1 FROM meter m WHERE m.place = p.place OR (m.place IS NULL AND p.is_default))
 ORDER BY p.place, n.issued_at;

-- name: weather_of_meter
-- Of each instant the temperature that counts of those known, where a meter stands: measured before forecast, then the newest.
SELECT array_agg(valid_s ORDER BY valid_s), array_agg(issued_s ORDER BY valid_s), array_agg(temperature_c ORDER BY valid_s),
       array_agg(observed ORDER BY valid_s)
  FROM (SELECT DISTINCT ON (w.valid_at) extract(epoch FROM w.valid_at)::bigint AS valid_s,
               extract(epoch FROM w.issued_at)::bigint AS issued_s, w.temperature_c, w.observed
          FROM weather w
         WHERE w.place = (SELECT coalesce(m.place, d.place) FROM meter m LEFT JOIN weather_place d ON d.is_default
                           WHERE m.meter_id = %(meter_id)s)
           AND w.valid_at >= %(since)s AND w.valid_at < %(until)s AND w.issued_at <= %(known_at)s
         ORDER BY w.valid_at, w.observed DESC, w.issued_at DESC) counts;
