"""Which recipe a model follows, by its configuration: changed settings under one name are another recipe."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from meter_core.models.candidates.candidate import lacks
from meter_core.models.pipeline import pipeline
from meter_core.models.recipes import Recipe


def identity(recipe: Recipe) -> str:
    """Return the name of a recipe with the digest of this release's features for it, their format, and its settings."""
    return _identity(recipe.name, pipeline(recipe.features), recipe.settings)


def named(candidates: Mapping[str, Recipe], about: Mapping[str, Any]) -> str | None:
    """Return the name of the candidate whose recipe a model follows, None where there is none."""
    wanted = identity_of_model(about)
    return next((name for name, recipe in candidates.items() if identity(recipe) == wanted), None)


def identity_of_model(about: Mapping[str, Any]) -> str:
    """Return the identity of the recipe that a predictor was fitted by, from what it knows of itself.

    One from before pipelines had a name follows no recipe of today.
    """
    return _identity(str(about.get("recipe")), str(about.get("pipeline")), about.get("settings", {}))


def with_recipe_of(candidates: Mapping[str, Recipe], about: Mapping[str, Any], version: str) -> dict[str, Recipe]:
    """Return the candidates and the champion's recipe, so that all are fitted and scored on the same rows.

    A champion of another release had other features, another format or a candidate that is gone, and one from another
    machine may be of a candidate that is not installed here: its recipe cannot be fitted.

    Args:
        candidates: by name.
        about: what the champion knows of itself.
        version: of the champion.
    """
    ours = about.get("pipeline") == pipeline(about["features"])
    if named(candidates, about) is not None or not ours or lacks(about["recipe"], about["settings"]):
        return dict(candidates)
    before = Recipe(about["recipe"], about["features"], about["settings"])
    return {**candidates, f"{before.name} as in champion {version}": before}


def _identity(name: str, built_by: str, settings: Mapping[str, Any]) -> str:
    """Return a name with the digest of what is configured."""
    said = json.dumps([built_by, dict(settings)], sort_keys=True)
    return f"{name}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
