"""The scikit-learn model of a version, for `mlflow.sklearn.load_model("models:/NAME@champion")`."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from meter_core.contracts.errors import RefusedError

TRUSTED_TYPES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)
"""What skops may build beside its own list when it loads a model: read in scikit-learn 1.9.1, arrays and no code."""

REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")


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

    unknown = sorted(set(skops.io.get_untrusted_types(data=skops.io.dumps(model))) - set(TRUSTED_TYPES))
    if unknown:
        raise RefusedError(
            f"the model holds types that nobody reviewed: {', '.join(unknown)}; review them and add them to "
            "TRUSTED_TYPES in meter_core/registry/sklearn_model.py"
        )
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
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
    )
