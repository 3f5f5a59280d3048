-- A row that takes a value back stands as missing, and keeps the source's word for it under `blanked`. Other than a
-- value that is only missing it takes precedence over an older one.
CREATE OR REPLACE VIEW meter_reading_version AS
SELECT meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c, power_factor, load_kw,
       frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line, true AS stands,
       NULL::timestamptz AS withdrawn_at, coalesce(blanked ? 'units_kwh', false) AS takes_back
  FROM meter_reading
 UNION ALL
SELECT meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c, power_factor, load_kw,
       frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line, false,
       CASE verdict WHEN 'withdrawn' THEN judged_at END, coalesce(blanked ? 'units_kwh', false)
  FROM meter_reading_history;

CREATE OR REPLACE FUNCTION readings_as_known(as_known_at timestamptz, as_stored_at timestamptz DEFAULT 'infinity')
RETURNS SETOF meter_reading_version LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT DISTINCT ON (meter_id, channel, reading_ts) *
  FROM meter_reading_version
 WHERE available_ts <= as_known_at AND recorded_at <= as_stored_at
   AND (withdrawn_at IS NULL OR withdrawn_at > least(as_known_at, as_stored_at))
 ORDER BY meter_id, channel, reading_ts, stands DESC, units_kwh IS NULL AND NOT takes_back,
          array_position(ARRAY['estimated', 'measured', 'edited', 'validated'], quality) DESC,
          source_version DESC, available_ts DESC, recorded_at DESC, source_file_id DESC, line DESC
$$;
