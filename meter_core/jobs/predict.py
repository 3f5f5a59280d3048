"""Batch inference: the champion's predictions of stored readings, to Postgres and to a CSV."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import fsspec
import numpy as np
import pandas as pd

from meter_core.contracts.errors import NoChampionError, UnavailableError, UsageError
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.forecasts import FORECAST_HOURS
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.contracts.readings import DEFAULT_CHANNEL, IntArray
from meter_core.embedded.connections import Connections
from meter_core.features.history import HISTORY_DAYS
from meter_core.features.readings import ReadingTable, batches
from meter_core.jobs.on_record import require_on_record
from meter_core.jobs.predict_forecasts import forecast_frame
from meter_core.jobs.predict_shards import Shard, default_out
from meter_core.jobs.registered import MODEL_CLASSES, known_task, store_of, tracking_uri
from meter_core.jobs.stored_readings import stored_table
from meter_core.jobs.whole_files import write_whole
from meter_core.models.forecaster import Forecaster
from meter_core.models.predictor import Predictor
from meter_core.registry.rest import ModelRef, Registry
from meter_core.settings import Settings
from meter_core.store import Store

REACH: Final = timedelta(days=HISTORY_DAYS + 1)
"""How far before a reading its history may begin."""

TOLD: Final = 10
"""How often progress is told in all: some who listen write a line each time."""

KEY: Final = ["meter_id", "interval_minutes", "reading_ts"]
"""What the rows of the CSV are known and sorted by."""

Progress = Callable[..., None]


@dataclass(frozen=True, slots=True)
class PredictResult:
    """What a batch inference did.

    Attributes:
        rows: Predictions made.
        min: Least predicted kWh, None without rows; so `mean` and `max`.
        model: Registered model.
        model_version: Its champion.
        in_training: How many rows lie in the champion's training window: no score may use them.
        out: Where the CSV is; None where nothing was to predict and so nothing was written.
        seconds: It took.
        findings: What was left out, and why.
    """

    rows: int
    min: float | None
    mean: float | None
    max: float | None
    model: str
    model_version: str
    in_training: int
    out: str | None
    seconds: float
    findings: Sequence[Finding] = field(default_factory=tuple)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        content = {name: getattr(self, name) for name in self.__slots__}
        return {**content, "findings": [finding.as_dict() for finding in self.findings]}


def predict(
    task: str,
    since: datetime | None,
    out: Path | None,
    settings: Settings,
    connections: Connections,
    progress: Progress = lambda *_: None,
    hours: int = 24,
    until: datetime | None = None,
    shard: Shard | None = None,
) -> PredictResult:
    """Predict stored readings with the champion, or forecast the hours after each meter's newest one.

    Args:
        task: `reading` or `ahead`.
        since: First interval; None: what this champion has not predicted yet. A forecast begins after the newest.
        out: The CSV; None: `predictions/` under the files root, of a window with an end a file of its own.
        settings: of this process.
        connections: with PostgreSQL and MLflow.
        progress: gets a sentence and, where known, a share from 0 to 1.
        hours: How far ahead, for forecasts.
        until: End of the readings to predict, exclusive; None: to the newest.
        shard: Only its meters; the CSV is its part of the whole one. None: all meters.

    Raises:
        UsageError: where the task is unknown, or asked what only the other one knows.
        NoChampionError: where there is no champion yet.
        RefusedError: where nobody is on record for it, or its files are not the registered ones.
        UnavailableError: where the database or MLflow cannot be reached, or the CSV not written.
    """
    began = time.perf_counter()
    _check_asked(known_task(task), since or until, hours)
    store = store_of(connections, settings)
    ref, predictor = champion(task, connections, settings, progress)
    progress("reading what is to be predicted")
    meters = None if shard is None else store.meter_ids(shard.first, shard.last)
    if isinstance(predictor, Forecaster):
        frame, findings = forecast_frame(store, predictor, hours, meters)
    else:
        frame, findings = _of_readings(store, ref, predictor, Asked(since, until, meters), progress)
    if len(frame):  # in an order of its own, so that the parts of shards joined are the whole
        frame = frame.sort_values(KEY, ignore_index=True)
    place = str(out or default_out(connections.files_url, task, since, until))
    shown = _shown(frame, ref) if len(frame) else frame
    if shard:
        place = shard.part(place, ref.version)
        shown = shown if since or isinstance(predictor, Forecaster) else with_earlier(shown, place)
    where = write_whole(place, shown.to_csv(index=False).encode()) if len(shown) else None
    if len(frame):  # after the CSV: what is in Postgres counts as predicted, so the next run makes a broken one good
        run_id = store.start_prediction_run(task, ref.name, ref.version, ref.predictor_digest or "")
        store.insert_predictions(run_id, frame)
    return _result(shown, ref, where, time.perf_counter() - began, findings)


def _result(
    shown: pd.DataFrame, ref: ModelRef, where: str | None, seconds: float, findings: Sequence[Finding]
) -> PredictResult:
    """Return what is told of what stands in the CSV."""
    kwh = shown["units_kwh"] if len(shown) else None
    return PredictResult(
        rows=len(shown),
        min=None if kwh is None else float(kwh.min()),
        mean=None if kwh is None else float(kwh.mean()),
        max=None if kwh is None else float(kwh.max()),
        model=ref.name,
        model_version=ref.version,
        in_training=int(shown["in_training"].sum()) if len(shown) else 0,
        out=where,
        seconds=seconds,
        findings=tuple(findings),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """Which readings are to be predicted.

    Attributes:
        since: First interval; None: what the champion has not predicted yet.
        until: Exclusive end; None: to the newest.
        meters: Only these; None: all.
    """

    since: datetime | None
    until: datetime | None
    meters: Sequence[str] | None


def _check_asked(task: str, window: datetime | None, hours: int) -> None:
    """Refuse what a task does not know."""
    if task == "ahead" and window is not None:
        raise UsageError("forecasts begin after each meter's newest reading: leave --since out, and an end")
    if task == "reading" and hours != 24:
        raise UsageError("readings are predicted at their start and have no horizon; say --task ahead")
    if not 1 <= hours <= FORECAST_HOURS:
        raise UsageError(f"a horizon of {hours} hours cannot be forecast; say 1 to {FORECAST_HOURS}")


def _of_readings(
    store: Store, ref: ModelRef, predictor: Predictor, asked: Asked, progress: Progress
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the predictions of the readings that are wanted, and what was left out."""
    if asked.since:
        wanted = store.readings(since=asked.since, until=asked.until, meters=asked.meters)
    else:
        wanted = store.unpredicted(ref.name, ref.version, asked.until, asked.meters)
    wanted = wanted[wanted["channel"] == DEFAULT_CHANNEL]
    known, findings = _known_intervals(wanted, predictor)
    return _predictions(store, known, predictor, progress) if len(known) else pd.DataFrame(), findings


def champion(
    task: str, connections: Connections, settings: Settings, progress: Progress = lambda *_: None
) -> tuple[ModelRef, Predictor | Forecaster]:
    """Return the champion of a task and its predictor: on record, verified by digest and tried on its golden rows.

    Raises:
        NoChampionError: where there is none yet.
        RefusedError: where nobody is on record for it, or its files are not the registered ones.
        UnavailableError: where MLflow or the database cannot be reached.
    """
    progress("fetching the champion")
    name = REGISTERED_MODELS[task]
    with Registry(tracking_uri(connections), name) as registry:
        ref = registry.champion()
        if ref is None:
            raise NoChampionError(
                f"{name} has no champion yet; `meter train{_said(task)}` makes one, or `meter promote V{_said(task)}` "
                "sets one"
            )
        require_on_record(ref, connections.database_url)
        return ref, MODEL_CLASSES[task].load(registry.fetch(ref, settings.home.absolute() / "models"))


def _known_intervals(wanted: pd.DataFrame, predictor: Predictor) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the rows of interval lengths that the model knows, and what was left out."""
    known = wanted["interval_minutes"].isin(predictor.intervals)
    left = int((~known).sum())
    if not left:
        return wanted, []
    lengths = sorted({int(length) for length in wanted.loc[~known, "interval_minutes"].unique()})
    message = (
        f"{left:,} readings of {', '.join(map(str, lengths))} minutes were not predicted: the champion was trained on "
        f"{', '.join(map(str, predictor.intervals))} minutes only; train again with such readings."
    )
    return wanted[known], [Finding("interval_never_trained_on", "interval_minutes", Severity.WARNING, message)]


def _predictions(store: Store, wanted: pd.DataFrame, predictor: Predictor, progress: Progress) -> pd.DataFrame:
    """Return the predictions of the wanted readings; what lies before them serves as history."""
    progress("reading history")
    first, last = wanted["reading_ts"].min(), wanted["reading_ts"].max()
    meters = wanted["meter_id"].unique().tolist()
    history = store.readings(since=first - REACH, until=last + timedelta(seconds=1), meters=meters)
    table = stored_table(history, store.interval_means())
    rows = np.flatnonzero(_is_in(table, wanted))
    parts, done = [], 0
    for index, batch in batches(table, rows):
        parts.append(_frame(table.take(index), predictor.predict(batch), predictor.about))
        before, done = done, done + len(index)
        if done * TOLD // len(rows) > before * TOLD // len(rows):
            progress("predicting", done / len(rows))
    return pd.concat(parts, ignore_index=True)


def _is_in(table: ReadingTable, wanted: pd.DataFrame) -> Any:
    """Return the mask of the table's rows that are wanted."""
    keys = pd.MultiIndex.from_arrays([table.meter_id.astype(str), table.ts_s])
    return keys.isin(pd.MultiIndex.from_arrays([wanted["meter_id"].astype(str), _seconds(wanted["reading_ts"])]))


def _frame(rows: ReadingTable, predicted: Any, about: Mapping[str, Any]) -> pd.DataFrame:
    """Return predictions as the store takes them. A reading is predicted at its start: origin and target are one."""
    at = pd.DatetimeIndex(rows.ts_s.astype("datetime64[s]"), tz="UTC").as_unit("us")
    return pd.DataFrame(
        {
            "meter_id": rows.meter_id,
            "channel": DEFAULT_CHANNEL,
            "origin_ts": at,
            "reading_ts": at,
            "interval_minutes": rows.interval_minutes,
            "units_kwh": predicted.units_kwh,
            "low_kwh": predicted.low_kwh,
            "high_kwh": predicted.high_kwh,
            "horizon_minutes": 0,
            "in_training": (rows.ts_s >= _instant(about["training_from_ts"]))
            & (rows.ts_s < _instant(about["training_until_ts"])),
            "status": predicted.status,
            "basis": predicted.basis,
        }
    )


def _shown(frame: pd.DataFrame, ref: ModelRef) -> pd.DataFrame:
    """Return predictions as the CSV has them."""
    shown = frame.drop(columns=["channel", "origin_ts", "horizon_minutes", "data_known_until"], errors="ignore")
    shown.insert(len(shown.columns), "model_version", ref.version)
    shown["reading_ts"] = shown["reading_ts"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return shown


def with_earlier(shown: pd.DataFrame, part: str) -> pd.DataFrame:
    """Return a shard's predictions with those that an earlier try of the same run wrote and put into Postgres.

    Args:
        shown: As the CSV has them; empty where the earlier try had predicted everything.
        part: Where the earlier try wrote.

    Raises:
        UnavailableError: that cannot be read.
    """
    fs, path = fsspec.core.url_to_fs(part)
    try:
        with fs.open(path, "rb") as stream:
            earlier = pd.read_csv(
                stream,
                dtype={"meter_id": str, "model_version": str},
                float_precision="round_trip",
                keep_default_na=False,
                na_values=[""],
            )
    except FileNotFoundError:
        return shown
    except OSError as error:
        raise UnavailableError(f"{part} cannot be read ({error.strerror or error}); run it again") from error
    both = pd.concat([earlier, shown], ignore_index=True).drop_duplicates(KEY, keep="last")
    return both.sort_values(KEY, ignore_index=True)


def _said(task: str) -> str:
    """Return the option that names a task; none for the one that is meant without it."""
    return "" if task == "reading" else f" --task {task}"


def _seconds(stamps: pd.Series) -> IntArray:
    return np.asarray(stamps.dt.tz_convert("UTC").dt.tz_localize(None), dtype="datetime64[s]").astype(np.int64)


def _instant(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())
