"""The library's models of a fit, for data scientists who load them from MLflow as they know it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import StackingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from meter_core.contracts.readings import FloatArray
from meter_core.features.ahead import AHEAD_FEATURES, ahead_features
from meter_core.features.clock_days import clock_days, targets
from meter_core.features.history import FEATURE_SETS, feature_matrix
from meter_core.models.exported import Line, Model
from meter_core.models.fit import Fitted
from meter_core.models.fit_ahead import FittedAhead
from meter_core.models.forecast_golden import golden_histories
from meter_core.models.golden import golden_batch
from meter_core.models.outline import LINE, MEAN, QUANTILES
from meter_core.registry.sklearn_model import as_pipeline, save_sklearn


@dataclass(frozen=True, slots=True)
class ModelPart:
    """One fitted estimator of a fit.

    Attributes:
        name: `snapshot` or `history`; ahead `mean` and the quantiles.
        fitted: The library's model.
        model: The same as numbers.
        used: Columns it was fitted on.
        features: Columns that a caller may hand over.
        example: (n, k) made-up values of them: a model travels further than anybody's readings may.
    """

    name: str
    fitted: Any
    model: Model
    used: tuple[str, ...]
    features: tuple[str, ...]
    example: FloatArray

    @property
    def empty(self) -> tuple[str, ...]:
        """Features that had no value in the training window: they have no weight."""
        return tuple(name for name in self.features if name not in self.used)

    def save(self, folder: Path) -> None:
        """Save it as MLflow does."""
        example = pd.DataFrame(self.example, columns=list(self.features))
        values = self.model.imputation.tolist() if isinstance(self.model, Line) else []
        filled = dict(zip(self.used, values, strict=True)) if values else {}
        save_sklearn(as_pipeline(self.fitted, self.used, self.features, filled, example), example, folder)


def model_parts(fitted: Fitted | FittedAhead) -> list[ModelPart]:
    """Return the parts of a fit, first the one that a version's model is."""
    return _ahead_parts(fitted) if isinstance(fitted, FittedAhead) else _reading_parts(fitted)


def _reading_parts(fitted: Fitted) -> list[ModelPart]:
    """Return the part with history where there is one, and the part for a snapshot alone."""
    made_up = golden_batch(fitted.predictor.intervals)
    return [
        ModelPart(
            name=part.features,
            fitted=fitted.estimators[part.features],
            model=part.model,
            used=part.used,
            features=FEATURE_SETS[part.features],
            example=feature_matrix(made_up, part.features),
        )
        for part in (fitted.predictor.history, fitted.predictor.snapshot)
        if part is not None
    ]


def _ahead_parts(fitted: FittedAhead) -> list[ModelPart]:
    """Return the model of the mean, and those beside it."""
    models, line = fitted.predictor.models, fitted.estimators[LINE]
    days = clock_days(golden_histories(fitted.predictor.intervals[0]))
    matrix = ahead_features(days, targets(days, 1), fitted.predictor.usual_kw).matrix
    example = np.concatenate(matrix)
    parts = []
    for name, model in models.models.items():
        own = fitted.estimators[name]
        if name in (MEAN, *QUANTILES):
            columns = [AHEAD_FEATURES.index(used) for used in models.used]
            own = _on_line(own, line, models.models[LINE], example[:, columns])
        parts.append(ModelPart(name, own, model, models.used, AHEAD_FEATURES, example))
    return parts[1:] + parts[:1] if MEAN in models.models else parts


def _on_line(missed: Any, line: Any, numbers: Model, example: FloatArray) -> Any:
    """Return a line and the model of what it misses as one scikit-learn model: it adds what both say."""
    filled = (
        make_pipeline(SimpleImputer().fit(numbers.imputation[None, :]), line) if isinstance(numbers, Line) else line
    )
    both = StackingRegressor([("line", filled), ("missed", missed)], LinearRegression(), cv="prefit")
    both.fit(example, np.arange(len(example), dtype=np.float64))
    both.named_estimators_ = dict(both.named_estimators_)  # scikit-learn's own dict is a type to review, for nothing
    both.final_estimator_.coef_, both.final_estimator_.intercept_ = np.ones(2), 0.0
    return both
