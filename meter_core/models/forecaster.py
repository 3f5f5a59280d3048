"""The exported forecaster: what batch inference and the service use for the hours ahead. numpy and json only.

Row by row: a meter's forecast is the same, bit for bit, whatever batch it comes in, and its first hours are the same
whatever the horizon.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.calendar import DAY_S
from meter_core.contracts.errors import UsageError
from meter_core.contracts.forecasts import (
    BASES,
    FORECAST_HOURS,
    ForecastBatch,
    HistoryBatch,
    check_history,
    enough_history,
)
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.ahead import AHEAD_FEATURES, AheadFeatures, ahead_features, sees_weather
from meter_core.features.clock_days import ClockDays, Targets, clock_days, targets
from meter_core.models.forecast_golden import golden_histories
from meter_core.models.forecast_paths import PathLibrary
from meter_core.models.forecast_range import PUBLISHED, ForecastRange
from meter_core.models.mean_blend import MeanBlend
from meter_core.models.outline import OutlineModels
from meter_core.models.packed import check_golden, named, read_packed, under, write_packed

FORMAT: Final = "ahead 3"
"""Of the files. A reader refuses another, a predictor of the task `reading` too."""

BANDS_H: Final = (24, 72)
"""Hours from the end of what is known at which another class of forecast begins."""

CHUNK_METERS: Final = 128
"""Meters whose histories are in cache together."""

KINDS: Final = len(BANDS_H) + 3
"""Classes of forecasts with a range of their own: three by how far they reach; a meter of which less than a week is
known; one of which nothing is."""


@dataclass(frozen=True)
class Forecaster:
    """A registered model as numbers.

    Attributes:
        models: outline each interval.
        blend: makes a mean of outline and profiles.
        range: makes a distribution of an outline.
        paths: how errors go together, by interval length in minutes.
        usual_kw: what a meter of the training uses on average.
        floor_kw: what no forecast goes below: 0 where no training value was negative, else None.
        about: what the model card needs and no computation; plain JSON types.
        dry: where this one was trained with weather, what answers intervals whose weather is not known.
    """

    models: OutlineModels
    blend: MeanBlend
    range: ForecastRange
    paths: Mapping[int, PathLibrary]
    usual_kw: float
    floor_kw: float | None = 0.0
    about: Mapping[str, Any] = field(default_factory=dict)
    dry: "Forecaster | None" = None

    @property
    def uses_weather(self) -> bool:
        """Whether it was trained with weather."""
        return self.dry is not None

    @property
    def intervals(self) -> tuple[int, ...]:
        """Lengths in minutes that it was trained on; others are refused."""
        return tuple(sorted(self.paths))

    @property
    def horizon_limit(self) -> int:
        """Hours that a forecast may reach."""
        return FORECAST_HOURS

    @property
    def empty_features(self) -> tuple[str, ...]:
        """Features that had no value in the training window and therefore no weight."""
        return tuple(name for name in AHEAD_FEATURES if name not in self.models.used)

    def forecast(self, batch: HistoryBatch, horizon: int) -> ForecastBatch:
        """Return the forecast of each meter's next intervals.

        An interval whose temperature is not known is forecast as by a model that never saw any, and with its range.

        Args:
            batch: what is known of each meter.
            horizon: how many intervals, at most `horizon_limit` hours.

        Raises:
            UsageError: where the horizon is too far, a length was never trained on, or the batch does not fit together.
        """
        check_history(batch, self.intervals)
        self._check_horizon(batch, horizon)
        rows = _chunks(batch.interval_minutes)
        parts = [self._of_length(batch if len(rows) == 1 else batch.take(chosen), horizon) for chosen in rows]
        return parts[0] if len(parts) == 1 else _joined(parts, np.argsort(np.concatenate(rows)))

    def save(self, folder: Path) -> None:
        """Write the files into the folder, which is made where needed. The same forecaster gives the same bytes."""
        words, numbers = self._packed()
        write_packed(folder, {"format": FORMAT, **words}, numbers | {"golden.kwh": self._golden_kwh()})

    @classmethod
    def load(cls, folder: Path) -> "Forecaster":
        """Return the forecaster of a folder, after it has answered its golden rows as it did when it was saved.

        Raises:
            UsageError: where a file is missing, damaged or of another format.
            RefusedError: where the golden rows come out differently.
        """
        words, numbers = read_packed(folder, FORMAT)
        forecaster = cls._unpacked(words, numbers)
        check_golden(forecaster._golden_kwh(), numbers["golden.kwh"], folder)
        return forecaster

    def _packed(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return everything as words and numbers."""
        numbers = named("models", self.models.arrays()) | named("range", self.range.arrays())
        numbers |= named("blend", self.blend.arrays())
        for minutes, library in self.paths.items():
            numbers |= named(f"paths.{minutes}", library.arrays())
        words = {
            "models": self.models.words(),
            "intervals": list(self.intervals),
            "usual_kw": self.usual_kw,
            "floor_kw": self.floor_kw,
            "about": dict(self.about),
        }
        if self.dry is None:
            return words, numbers
        dry_words, dry_numbers = self.dry._packed()
        return words | {"dry": dry_words}, numbers | named("dry", dry_numbers)

    @classmethod
    def _unpacked(cls, words: Mapping[str, Any], numbers: Mapping[str, NDArray[Any]]) -> "Forecaster":
        """Return the forecaster that words and numbers came from."""
        return cls(
            models=OutlineModels.of(words["models"], under("models", numbers)),
            blend=MeanBlend.of(under("blend", numbers)),
            range=ForecastRange.of(under("range", numbers)),
            paths={minutes: PathLibrary.of(under(f"paths.{minutes}", numbers)) for minutes in words["intervals"]},
            usual_kw=words["usual_kw"],
            floor_kw=words["floor_kw"],
            about=words["about"],
            dry=cls._unpacked(words["dry"], under("dry", numbers)) if "dry" in words else None,
        )

    def _of_length(self, batch: HistoryBatch, horizon: int) -> ForecastBatch:
        """Return the forecasts of meters of one interval length."""
        days = clock_days(batch)
        coming = targets(days, horizon)
        features = ahead_features(days, coming, self.usual_kw)
        matrix = features.matrix.reshape(-1, len(AHEAD_FEATURES))
        enough, shape = enough_history(batch), coming.lead.shape
        kind = kinds_of(features, coming, days, enough).ravel()
        seen = sees_weather(matrix) if self.dry else np.ones(len(matrix), dtype=bool)
        to_kwh = (features.level_kw * (days.step_s / 3600.0))[:, None]
        mean, curve = self._shares(matrix, kind, seen)
        mean, curve = mean.reshape(shape) * to_kwh, curve.reshape(*shape, -1) * to_kwh[:, :, None]
        if self.floor_kw is not None:
            mean, curve = np.maximum(mean, self.floor_kw), np.maximum(curve, self.floor_kw)
        minutes = int(batch.interval_minutes[0])
        return ForecastBatch(
            reading_ts_s=coming.start_s,
            mean_kwh=mean,
            quantiles_kwh=curve[:, :, PUBLISHED],
            basis=np.where(enough, *BASES).astype(object),
            known_until_s=days.end_s,
            paths_kwh=partial(
                self._paths, minutes, np.all(seen.reshape(shape), axis=1), curve, since_midnight(coming, days)
            ),
        )

    def _shares(self, matrix: FloatArray, kind: IntArray, seen: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """Return (n,) means and (n, g) quantiles of intervals, in units of the meters' levels."""
        if self.dry is None or seen.all():
            outline = self.models.outline(matrix)
            return self.blend.mean(outline, matrix, kind), self.range.curve(outline, kind)
        mean, curve = self.dry._shares(matrix, kind, seen)
        if seen.any():
            mean[seen], curve[seen] = self._shares(matrix[seen], kind[seen], seen[seen])
        return mean, curve

    def _paths(
        self,
        minutes: int,
        seen: NDArray[np.bool_],
        curve: FloatArray,
        slot: IntArray,
        draws: int = 200,
        seed: int = 0,
    ) -> FloatArray:
        """Return (n, draws, h) joint sample paths: of meters whose weather is known, by errors that knew it too."""
        if self.dry is None or seen.all():
            return self.paths[minutes].draw(curve, slot, draws, seed)
        paths = self.dry._paths(minutes, seen, curve, slot, draws, seed)
        if seen.any():
            paths[seen] = self.paths[minutes].draw(curve[seen], slot[seen], draws, seed)
        return paths

    def _check_horizon(self, batch: HistoryBatch, horizon: int) -> None:
        """Refuse a horizon of nothing, or beyond the limit."""
        longest = int(batch.interval_minutes.max(initial=0)) * horizon
        if horizon < 1 or longest > self.horizon_limit * 60:
            raise UsageError(
                f"a horizon of {horizon} intervals is {longest / 60:g} hours; ask for 1 interval to "
                f"{self.horizon_limit} hours"
            )

    def _golden_kwh(self) -> FloatArray:
        """Return mean, quantiles and paths of the golden histories."""
        said = []
        for minutes in self.intervals:
            answer = self.forecast(golden_histories(minutes), max(1, 2 * DAY_S // 60 // minutes))
            paths = answer.paths_kwh(2, 0).transpose(0, 2, 1)
            said.append(np.concatenate([answer.mean_kwh[:, :, None], answer.quantiles_kwh, paths], axis=2).ravel())
        return np.concatenate(said)


def kinds_of(features: AheadFeatures, coming: Targets, days: ClockDays, enough: NDArray[np.bool_]) -> IntArray:
    """Return (n, h) the class of each forecast, 0 to `KINDS` - 1."""
    band = np.searchsorted(np.array(BANDS_H), coming.lead * days.step_s // 3600, side="right")
    little = np.where(features.known > 0, len(BANDS_H) + 1, len(BANDS_H) + 2)
    return np.where(enough[:, None], band, little[:, None])


def since_midnight(coming: Targets, days: ClockDays) -> IntArray:
    """Return (n, h) intervals from the local midnight before each forecast begins."""
    first = coming.local_minute[:, :1] * 60 // days.step_s
    return first + (coming.lead - coming.lead[:, :1])


def _chunks(interval_minutes: IntArray) -> list[IntArray]:
    """Return the rows of each interval length, few enough to stay in cache."""
    rows = []
    for length in sorted(set(interval_minutes.tolist())):
        same = np.flatnonzero(interval_minutes == length)
        rows += np.array_split(same, -(-len(same) // CHUNK_METERS))
    return rows


def _joined(parts: Sequence[ForecastBatch], order: IntArray) -> ForecastBatch:
    """Return the forecasts of all chunks as one batch."""

    def paths_kwh(draws: int = 200, seed: int = 0) -> FloatArray:
        return np.concatenate([part.paths_kwh(draws, seed) for part in parts])[order]

    columns = ("reading_ts_s", "mean_kwh", "quantiles_kwh", "basis", "known_until_s")
    joined = {name: np.concatenate([getattr(part, name) for part in parts])[order] for name in columns}
    return ForecastBatch(**joined, paths_kwh=paths_kwh)
