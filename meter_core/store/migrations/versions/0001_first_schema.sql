-- The first schema. `tables.py` says what each table is for; a test compares the two.

CREATE TABLE meter (
    meter_id TEXT COLLATE "C" NOT NULL,
    zone TEXT NOT NULL,
    zone_assumed BOOLEAN DEFAULT false NOT NULL,
    country TEXT,
    subdivision TEXT,
    nominal_voltage_v DOUBLE PRECISION,
    nominal_frequency_hz DOUBLE PRECISION,
    fuse_a DOUBLE PRECISION,
    segment TEXT,
    tariff TEXT,
    feeder TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (meter_id)
);

CREATE TABLE meter_reading (
    meter_id TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    reading_ts TIMESTAMP WITH TIME ZONE NOT NULL,
    interval_minutes INTEGER NOT NULL,
    units_kwh DOUBLE PRECISION,
    voltage_v DOUBLE PRECISION,
    temperature_c DOUBLE PRECISION,
    power_factor DOUBLE PRECISION,
    load_kw DOUBLE PRECISION,
    frequency_hz DOUBLE PRECISION,
    quality TEXT NOT NULL,
    source_version BIGINT NOT NULL,
    available_ts TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    source_file_id BIGINT NOT NULL,
    line BIGINT NOT NULL,
    blanked JSONB,
    PRIMARY KEY (meter_id, channel, reading_ts),
    CONSTRAINT meter_reading_channel CHECK (channel IN ('import', 'export', 'net', 'reactive')),
    CONSTRAINT meter_reading_quality CHECK (quality IN ('measured', 'validated', 'edited', 'estimated')),
    CONSTRAINT meter_reading_interval CHECK (interval_minutes > 0),
    CONSTRAINT meter_reading_energy CHECK (units_kwh > '-Infinity' AND units_kwh < 'Infinity')
) PARTITION BY RANGE (reading_ts);

CREATE TABLE meter_reading_history (
    meter_id TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    reading_ts TIMESTAMP WITH TIME ZONE NOT NULL,
    interval_minutes INTEGER NOT NULL,
    units_kwh DOUBLE PRECISION,
    voltage_v DOUBLE PRECISION,
    temperature_c DOUBLE PRECISION,
    power_factor DOUBLE PRECISION,
    load_kw DOUBLE PRECISION,
    frequency_hz DOUBLE PRECISION,
    quality TEXT NOT NULL,
    source_version BIGINT NOT NULL,
    available_ts TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    source_file_id BIGINT NOT NULL,
    line BIGINT NOT NULL,
    blanked JSONB,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    verdict TEXT NOT NULL,
    judged_at TIMESTAMP WITH TIME ZONE NOT NULL,
    other_file_id BIGINT NOT NULL,
    other_line BIGINT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT meter_reading_history_verdict CHECK (verdict IN ('superseded', 'outranked', 'filled', 'completed'))
);
CREATE INDEX meter_reading_history_key ON meter_reading_history (meter_id, channel, reading_ts);

CREATE TABLE prediction (
    meter_id TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    reading_ts TIMESTAMP WITH TIME ZONE NOT NULL,
    origin_ts TIMESTAMP WITH TIME ZONE NOT NULL,
    model_name TEXT NOT NULL,
    model_version TEXT NOT NULL,
    interval_minutes INTEGER NOT NULL,
    units_kwh DOUBLE PRECISION NOT NULL,
    low_kwh DOUBLE PRECISION,
    high_kwh DOUBLE PRECISION,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    data_known_until TIMESTAMP WITH TIME ZONE NOT NULL,
    horizon_minutes INTEGER NOT NULL,
    in_training BOOLEAN NOT NULL,
    status TEXT,
    basis TEXT,
    run_id BIGINT NOT NULL,
    PRIMARY KEY (meter_id, channel, reading_ts, origin_ts, model_name, model_version),
    CONSTRAINT prediction_energy CHECK (units_kwh > '-Infinity' AND units_kwh < 'Infinity')
) PARTITION BY RANGE (reading_ts);

CREATE TABLE prediction_run (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    task TEXT NOT NULL,
    model_name TEXT NOT NULL,
    model_version TEXT NOT NULL,
    predictor_digest TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    row_count BIGINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX prediction_run_by_model ON prediction_run (model_name, model_version);

CREATE TABLE promotion (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    model_name TEXT NOT NULL,
    model_version TEXT NOT NULL,
    previous_version TEXT,
    action TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    predictor_digest TEXT,
    decided_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT promotion_action CHECK (action IN ('promoted', 'refused', 'rolled_back'))
);
CREATE INDEX promotion_by_model ON promotion (model_name, decided_at);

CREATE TABLE source_file (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    file_name TEXT NOT NULL,
    file_digest TEXT NOT NULL,
    profile TEXT NOT NULL,
    profile_digest TEXT NOT NULL,
    zone TEXT NOT NULL,
    units JSONB NOT NULL,
    quantities JSONB NOT NULL,
    kept_as TEXT,
    status TEXT NOT NULL,
    reason TEXT,
    line_count BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    loaded BIGINT NOT NULL,
    superseded BIGINT NOT NULL,
    outranked BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT source_file_delivery UNIQUE (file_digest, profile_digest, zone),
    CONSTRAINT source_file_status CHECK (status IN ('loaded', 'stopped')),
    CONSTRAINT source_file_accounting CHECK (row_count = loaded + superseded + outranked + duplicates + quarantined)
);

CREATE TABLE topology (
    child TEXT NOT NULL,
    parent TEXT NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (child, parent, valid_from),
    CONSTRAINT topology_validity CHECK (valid_until IS NULL OR valid_until > valid_from),
    CONSTRAINT topology_no_loop CHECK (child <> parent)
);
CREATE INDEX topology_by_parent ON topology (parent);

CREATE TABLE meter_installation (
    meter_id TEXT COLLATE "C" NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE,
    device TEXT NOT NULL,
    multiplier DOUBLE PRECISION DEFAULT 1 NOT NULL,
    register_digits INTEGER,
    PRIMARY KEY (meter_id, valid_from),
    CONSTRAINT meter_installation_validity CHECK (valid_until IS NULL OR valid_until > valid_from),
    FOREIGN KEY(meter_id) REFERENCES meter (meter_id)
);

CREATE TABLE quarantined_reading (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source_file_id BIGINT NOT NULL,
    line_from BIGINT NOT NULL,
    line_to BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT,
    raw_line TEXT,
    meter_id TEXT,
    reading_ts TIMESTAMP WITH TIME ZONE,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    FOREIGN KEY(source_file_id) REFERENCES source_file (id)
);
CREATE INDEX quarantined_reading_by_file ON quarantined_reading (source_file_id);
CREATE INDEX quarantined_reading_by_meter ON quarantined_reading (meter_id);

-- Every version of a value with its clocks: the standing one and those in history.
CREATE VIEW meter_reading_version AS
SELECT meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c, power_factor, load_kw,
       frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line, true AS stands
  FROM meter_reading
 UNION ALL
SELECT meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, temperature_c, power_factor, load_kw,
       frequency_hz, quality, source_version, available_ts, recorded_at, source_file_id, line, false
  FROM meter_reading_history;

-- The canonical columns as first loaded, and where they came from.
CREATE VIEW meter_data_raw AS
SELECT v.meter_id, v.channel, v.reading_ts, v.interval_minutes, v.units_kwh, v.voltage_v, v.temperature_c, v.power_factor,
       v.load_kw, v.frequency_hz, v.quality, f.file_name, v.line,
       coalesce(f.units ->> 'units_kwh', 'kWh') AS delivered_unit, f.zone
  FROM (SELECT DISTINCT ON (meter_id, channel, reading_ts) *
          FROM meter_reading_version
         ORDER BY meter_id, channel, reading_ts, recorded_at, source_file_id, line, stands) v
  JOIN source_file f ON f.id = v.source_file_id;
