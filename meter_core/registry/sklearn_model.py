"""The library's model of a version, for `mlflow.sklearn.load_model("models:/NAME@champion")`."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from meter_core.contracts.errors import RefusedError

TRUSTED_TYPES = (
    "collections.OrderedDict",  # of a booster
    "lightgbm.basic.Booster",  # read in 4.7.0: its state is the model's text, which its own parser reads
    "lightgbm.sklearn.LGBMRegressor",  # read in 4.7.0: settings and a booster
    "meter_core.models.segmented_regressor.SegmentedRegressor",  # ours: needs meter_core where it is loaded
    "numpy.dtype",  # of an imputer: the name of a number's type
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",  # read in 1.9.1: arrays of nodes, no code
    "sklearn.tree._tree.Tree",  # read in 1.9.1: arrays of nodes, no code
)
"""What skops may build beside its own list when it loads a model. Another type is refused until someone has read it."""

REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")


def as_pipeline(
    estimator: Any, used: Sequence[str], features: Sequence[str], imputation: Mapping[str, float], example: pd.DataFrame
) -> Any:
    """Return a fitted estimator behind what picks and fills its columns, so that it takes the features by name.

    Args:
        estimator: fitted on the used columns, in their order, without names.
        used: columns it was fitted on. One that was empty in the training window is not among them.
        features: all columns a caller may hand over.
        imputation: what stands for a missing value, by column; empty where the estimator handles missing values itself.
        example: any rows of `features`.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline

    chosen = ColumnTransformer([("used", "passthrough", list(used))], verbose_feature_names_out=False)
    steps: list[tuple[str, Any]] = [("columns", chosen.fit(example[list(features)].astype("float64")))]
    if imputation:
        means = np.array([[imputation[name] for name in used]])
        steps.append(("training_means", SimpleImputer().fit(means)))
    return Pipeline([*steps, ("model", estimator)])


def save_sklearn(model: Any, example: pd.DataFrame, folder: Path) -> None:
    """Save a fitted scikit-learn model with signature and input example, without asking a server.

    Args:
        model: fitted estimator or pipeline; its `predict` takes a frame with the columns of `example`.
        example: a few rows of its features. The signature says optional doubles: any of them may be missing.
        folder: made by this function.

    Raises:
        RefusedError: where the model holds a type that was not reviewed.
    """
    import mlflow.sklearn
    import skops.io
    from mlflow.models import infer_signature

    types = set(skops.io.get_untrusted_types(data=skops.io.dumps(model)))
    unknown = sorted(types - set(TRUSTED_TYPES))
    if unknown:
        raise RefusedError(
            f"the model holds types that nobody reviewed: {', '.join(unknown)}; review them and add them to "
            "TRUSTED_TYPES in meter_core/registry/sklearn_model.py"
        )
    needed = (*REQUIREMENTS, "lightgbm") if any(name.startswith("lightgbm.") for name in types) else REQUIREMENTS
    rows = example.astype("float64")
    rows_with_gaps = pd.concat([rows, pd.DataFrame([{name: float("nan") for name in rows}])], ignore_index=True)
    signature = infer_signature(rows_with_gaps, model.predict(rows))
    mlflow.sklearn.save_model(
        model,
        str(folder),
        signature=signature,
        input_example=rows,
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED_TYPES),
        pip_requirements=[f"{name}=={version(name)}" for name in needed],
    )
