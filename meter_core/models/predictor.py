"""The exported predictor: what batch inference and the service use. numpy and json only, row by row.

It holds two models of the task `reading`, one for a snapshot alone and one for a snapshot with history, and uses what a
reading brings. Files: `predictor.json` (words) and `predictor.npz` (numbers). Same content, same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.errors import UsageError
from meter_core.contracts.features import QUANTILES
from meter_core.contracts.readings import FloatArray, PredictionBatch, ReadingBatch
from meter_core.features.history import has_history, history_matrix, same_clock_kwh
from meter_core.features.snapshot import snapshot_matrix
from meter_core.models.golden import golden_batch
from meter_core.models.packed import check_golden, named, read_packed, under, write_packed
from meter_core.models.part import Part
from meter_core.models.usual import Usual, status_of

FORMAT: Final = 1
"""Of the files of lines and trees. Recipes are known by it."""

FORMAT_OF_SEVERAL: Final = 2
"""Of the files where a part holds several models: releases from before there were such refuse it."""


@dataclass(frozen=True)
class Predictor:
    """A registered model as numbers.

    Attributes:
        snapshot: answers readings without enough history.
        usual: what a prediction is called Low, Normal or High by.
        intervals: lengths in minutes that it was trained on; others are refused.
        history: answers readings whose `recent_kwh` gives a 28-day profile; None where the model has no such part.
        floor_kw: what no prediction goes below: 0 where no training value was negative, else None.
        reference: (22,) features of a typical reading, columns as in `FEATURE_SETS["history"]`, NaN where never
            measured: what an explanation compares with; None in files from before there were explanations.
        about: what the model card needs and no computation: recipe, training window, data digest; plain JSON types.
    """

    snapshot: Part
    usual: Usual
    intervals: tuple[int, ...]
    history: Part | None = None
    floor_kw: float | None = 0.0
    reference: FloatArray | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, batch: ReadingBatch) -> PredictionBatch:
        """Return a prediction for each reading. Each is the same, bit for bit, whatever batch it comes in.

        Raises:
            UsageError: where a reading has an interval length that was never trained on.
        """
        self._check_intervals(batch)
        hours = batch.interval_minutes / 60.0
        mean_kw, quantiles_kw, used_history, clock = self._kw(batch)
        clock_kw = None if clock is None else clock / hours[:, None]
        quartiles_kw, basis = self.usual.quartiles_kw(batch, clock_kw)
        return PredictionBatch(
            units_kwh=mean_kw * hours,
            low_kwh=quantiles_kw[:, 0] * hours,
            high_kwh=quantiles_kw[:, -1] * hours,
            usual_low_kwh=quartiles_kw[:, 0] * hours,
            usual_high_kwh=quartiles_kw[:, 1] * hours,
            status=status_of(mean_kw, quartiles_kw),
            basis=basis,
            used_history=used_history,
        )

    def quantiles_kwh(self, batch: ReadingBatch) -> FloatArray:
        """Return (n, 3) kWh at `QUANTILES`: the median is scored by MAE, all three by pinball loss."""
        self._check_intervals(batch)
        return self._kw(batch)[1] * (batch.interval_minutes / 60.0)[:, None]

    def features(self, batch: ReadingBatch) -> FloatArray:
        """Return the (n, k) feature matrix, history columns included where the predictor has such a part."""
        snapshot = snapshot_matrix(batch)
        return snapshot if self.history is None else np.hstack([snapshot, history_matrix(batch)])

    def floored(self, kw: FloatArray) -> FloatArray:
        """Return power that does not go below the floor."""
        return kw if self.floor_kw is None else np.maximum(kw, self.floor_kw)

    @property
    def empty_features(self) -> tuple[str, ...]:
        """Features that had no value in the training window and therefore no weight."""
        return self.snapshot.empty + tuple(
            name for name in (self.history.empty if self.history else ()) if name not in self.snapshot.empty
        )

    def save(self, folder: Path) -> None:
        """Write the files into the folder, which is made where needed. The same predictor gives the same bytes."""
        write_packed(folder, self._words(), self._numbers())

    @classmethod
    def load(cls, folder: Path) -> "Predictor":
        """Return the predictor of a folder, after it has answered its golden rows as it did when it was saved.

        Raises:
            UsageError: where a file is missing, damaged or of another format.
            RefusedError: where the golden rows come out differently.
        """
        words, numbers = read_packed(folder, FORMAT, FORMAT_OF_SEVERAL)
        predictor = cls(
            snapshot=Part.of(words["snapshot"], under("snapshot", numbers)),
            usual=Usual.of(under("usual", numbers)),
            intervals=tuple(words["intervals"]),
            history=Part.of(words["history"], under("history", numbers)) if words["history"] else None,
            floor_kw=words["floor_kw"],
            reference=numbers.get("reference"),
            about=words["about"],
        )
        check_golden(predictor._golden_kwh(), numbers["golden.kwh"], folder)
        return predictor

    def _kw(self, batch: ReadingBatch) -> tuple[FloatArray, FloatArray, NDArray[np.bool_], FloatArray | None]:
        """Return mean and quantiles in kW, who answered, and the (n, 56) energy at this clock time before."""
        snapshot = snapshot_matrix(batch)
        enough = np.zeros(len(batch), dtype=bool)
        history: FloatArray | None = None
        clock = None if batch.recent_kwh is None else same_clock_kwh(batch)
        if clock is not None and self.history is not None:
            history = np.hstack([snapshot, history_matrix(batch, clock)])
            enough = has_history(history[:, snapshot.shape[1] :], self.history.needs)
        mean, quantiles = np.empty(len(batch)), np.empty((len(batch), len(QUANTILES)))
        for part, matrix, rows in ((self.snapshot, snapshot, ~enough), (self.history, history, enough)):
            if part is not None and matrix is not None and rows.any():
                mean[rows] = part.mean_kw(matrix[rows])
                quantiles[rows] = part.residuals.quantiles_kw(mean[rows])
        quantiles[:, 0] = np.minimum(quantiles[:, 0], mean)
        quantiles[:, -1] = np.maximum(quantiles[:, -1], mean)
        return self.floored(mean), self.floored(quantiles), enough, clock

    def _check_intervals(self, batch: ReadingBatch) -> None:
        """Refuse interval lengths that were never trained on."""
        unknown = set(batch.interval_minutes.tolist()).difference(self.intervals)
        if unknown:
            known = ", ".join(map(str, self.intervals))
            raise UsageError(f"interval_minutes {min(unknown)} was never trained on; this model knows {known}")

    def _golden_kwh(self) -> FloatArray:
        """Return mean, low and high of the golden rows."""
        predicted = self.predict(golden_batch(self.intervals))
        return np.stack([predicted.units_kwh, predicted.low_kwh, predicted.high_kwh], axis=1)

    def _numbers(self) -> dict[str, NDArray[Any]]:
        """Return everything but words as arrays, by name."""
        numbers = named("snapshot", self.snapshot.arrays()) | named("usual", self.usual.arrays())
        numbers |= named("history", self.history.arrays()) if self.history else {}
        numbers |= {} if self.reference is None else {"reference": self.reference}
        return numbers | {"golden.kwh": self._golden_kwh()}

    def _words(self) -> dict[str, Any]:
        """Return the rest as plain JSON types."""
        parts = [part.words() for part in (self.snapshot, self.history) if part]
        return {
            "format": FORMAT if all(isinstance(part["model"], str) for part in parts) else FORMAT_OF_SEVERAL,
            "snapshot": parts[0],
            "history": parts[1] if self.history else None,
            "intervals": list(self.intervals),
            "floor_kw": self.floor_kw,
            "about": dict(self.about),
        }
