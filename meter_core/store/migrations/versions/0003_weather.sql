CREATE TABLE weather_place (
  place text COLLATE "C" NOT NULL PRIMARY KEY,
  latitude double precision,
  longitude double precision,
  is_default boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT weather_place_coordinates CHECK ((latitude IS NULL) = (longitude IS NULL)
         AND (latitude IS NULL OR latitude BETWEEN -90 AND 90) AND (longitude IS NULL OR longitude BETWEEN -180 AND 180))
);
CREATE UNIQUE INDEX weather_place_default ON weather_place (is_default) WHERE is_default;

CREATE TABLE weather (
  place text COLLATE "C" NOT NULL REFERENCES weather_place,
  valid_at timestamptz NOT NULL,
  issued_at timestamptz NOT NULL,
  observed boolean NOT NULL,
  temperature_c double precision NOT NULL,
  source text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (place, valid_at, issued_at, observed),
  CONSTRAINT weather_temperature CHECK (temperature_c > '-Infinity' AND temperature_c < 'Infinity')
);

ALTER TABLE meter ADD COLUMN place text COLLATE "C" REFERENCES weather_place;
