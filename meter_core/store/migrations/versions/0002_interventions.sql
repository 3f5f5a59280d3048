-- What a replay needs to know of a delivery: how it was read, which span of time it holds, and what is kept of its file
-- where a meter was erased from it.
ALTER TABLE source_file ADD kept_digest TEXT, ADD declared JSONB, ADD zone_assumed BOOLEAN DEFAULT false NOT NULL,
  ADD first_ts TIMESTAMP WITH TIME ZONE, ADD last_ts TIMESTAMP WITH TIME ZONE;

-- How a row left quarantine, by whom and why.
ALTER TABLE quarantined_reading ADD resolution TEXT, ADD resolved_by TEXT, ADD resolved_why TEXT,
  ADD CONSTRAINT quarantined_reading_resolution CHECK (resolution IN ('delivered', 'released', 'replayed'));
UPDATE quarantined_reading SET resolution = 'delivered' WHERE resolved_at IS NOT NULL;

-- A version that its delivery, replayed, gives no more.
ALTER TABLE meter_reading_history DROP CONSTRAINT meter_reading_history_verdict,
  ADD CONSTRAINT meter_reading_history_verdict
    CHECK (verdict IN ('superseded', 'outranked', 'filled', 'completed', 'withdrawn'));

CREATE TABLE intervention (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    action TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    source_file_id BIGINT,
    evidence JSONB NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT intervention_action CHECK (action IN ('released', 'replayed', 'erased', 'archived'))
);

-- Every version with its clocks. `withdrawn_at`: from then on it was not known any more.
DROP VIEW meter_data_raw;
DROP VIEW meter_reading_version;
CREATE VIEW meter_reading_version AS
SELECT meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c, power_factor, load_kw,
       frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line, true AS stands,
       NULL::timestamptz AS withdrawn_at
  FROM meter_reading
 UNION ALL
SELECT meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c, power_factor, load_kw,
       frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line, false,
       CASE verdict WHEN 'withdrawn' THEN judged_at END
  FROM meter_reading_history;

CREATE VIEW meter_data_raw AS
SELECT v.meter_id, v.channel, v.reading_ts, v.interval_minutes, v.units_kwh, v.voltage_v, v.temperature_c, v.power_factor,
       v.load_kw, v.frequency_hz, v.quality, f.file_name, v.line,
       coalesce(f.units ->> 'units_kwh', 'kWh') AS delivered_unit, f.zone
  FROM (SELECT DISTINCT ON (meter_id, channel, reading_ts) *
          FROM meter_reading_version
         WHERE withdrawn_at IS NULL
         ORDER BY meter_id, channel, reading_ts, recorded_at, source_file_id, line, stands) v
  JOIN source_file f ON f.id = v.source_file_id;

-- For analysts: the readings as they were known at an instant, by what could be known and by what was stored then.
CREATE FUNCTION readings_as_known(as_known_at timestamptz, as_stored_at timestamptz DEFAULT 'infinity')
RETURNS SETOF meter_reading_version LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT DISTINCT ON (meter_id, channel, reading_ts) *
  FROM meter_reading_version
 WHERE available_ts <= as_known_at AND recorded_at <= as_stored_at
   AND (withdrawn_at IS NULL OR withdrawn_at > least(as_known_at, as_stored_at))
 ORDER BY meter_id, channel, reading_ts, stands DESC, units_kwh IS NULL,
          array_position(ARRAY['estimated', 'measured', 'edited', 'validated'], quality) DESC,
          source_version DESC, available_ts DESC, recorded_at DESC, source_file_id DESC, line DESC
$$;
