"""What a candidate is: one small class with its settings for each task, in one file of this folder."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.models.exported import Model
from meter_core.models.recipes import Recipe

KNOWN: dict[str, type["Candidate"]] = {}
"""Every candidate by name: a class enters it where it is defined."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What a candidate learns from.

    Attributes:
        matrix: (n, k) features, NaN where missing.
        target: (n,) what to predict.
        weight: (n,) what each counts; all alike where None.
        when_s: (n,) UTC seconds of the moment each is predicted at, for what is learnt on later examples than others;
            their order where None.
        available_s: (n,) UTC seconds from which each target could be known, beside `when_s`.
        columns: (k) names of the features; nameless where empty.
        memory: what candidates keep of the matrix for the next target, each under its name.
    """

    matrix: FloatArray
    target: FloatArray
    weight: FloatArray | None = None
    when_s: IntArray | None = None
    available_s: IntArray | None = None
    columns: tuple[str, ...] = ()
    memory: dict[str, dict[str, Any]] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        """Return n."""
        return len(self.target)

    def take(self, rows: NDArray[Any]) -> "Examples":
        """Return the examples of that index or mask."""
        aligned = {name: getattr(self, name) for name in ("weight", "when_s", "available_s")}
        kept: dict[str, Any] = {name: None if each is None else each[rows] for name, each in aligned.items()}
        return replace(self, matrix=self.matrix[rows], target=self.target[rows], **kept, memory={})

    def of_columns(self, used: IntArray) -> "Examples":
        """Return the examples with some of the features."""
        columns = tuple(self.columns[column] for column in used.tolist()) if self.columns else ()
        return replace(self, matrix=np.ascontiguousarray(self.matrix[:, used]), columns=columns, memory={})

    def aimed_at(self, target: FloatArray) -> "Examples":
        """Return the same examples with another target."""
        return replace(self, target=target)


class Candidate(ABC):
    """Something that is fitted and becomes numbers that batch and service evaluate without it.

    Attributes:
        name: what `--candidates` calls it.
        reading: its settings for the task `reading`.
        ahead: its settings for the task `ahead`.
        tasks: what it can be chosen for.
        is_line: whether it is a linear model; ahead, others are fitted to what a line misses.
        fits_quantiles: whether it can be fitted to a quantile; ahead, others get a model of how far they miss.
        fitted: the model of the library that fits it, for MLflow.
    """

    name: ClassVar[str]
    reading: ClassVar[Mapping[str, Any]] = {}
    ahead: ClassVar[Mapping[str, Any]] = {}
    tasks: ClassVar[tuple[str, ...]] = ("reading", "ahead")
    is_line: ClassVar[bool] = False
    fits_quantiles: ClassVar[bool] = False
    fitted: Any

    def __init_subclass__(cls) -> None:
        KNOWN[cls.name] = cls

    @abstractmethod
    def __init__(self, recipe: Recipe, seed: int, quantile: float | None = None) -> None:
        """Take the settings of a recipe, to fit the mean, or a quantile where it fits such."""

    @abstractmethod
    def fit(self, examples: Examples) -> None:
        """Learn from examples."""

    @abstractmethod
    def export(self) -> Model:
        """Return what was fitted as numbers."""

    @classmethod
    def recipe(cls, features: Any) -> Recipe:
        """Return the recipe with its settings for a feature set."""
        return Recipe(cls.name, features, cls.ahead if features == "ahead" else cls.reading)

    @classmethod
    def stands_on(cls, settings: Mapping[str, Any]) -> Recipe:
        """Return the recipe of the line to whose misses it is fitted ahead."""
        return KNOWN["linear"].recipe("ahead")

    @classmethod
    def lacks(cls, settings: Mapping[str, Any]) -> str | None:
        """Return why it, or a part of it, cannot be fitted here, with the remedy; None where nothing is missing."""
        return next((said for name, own in parts_of(settings).items() if (said := lacks(name, own))), None)

    @classmethod
    def seed_matters(cls, settings: Mapping[str, Any], rows: int) -> bool:
        """Return whether fits of so many rows with different seeds can differ, its own or those of its parts."""
        return any(KNOWN[name].seed_matters(own, rows) for name, own in parts_of(settings).items())

    @classmethod
    def quick(cls, settings: Mapping[str, Any], trees: int) -> dict[str, Any]:
        """Return settings with so few trees, for checks to which it is all one how much was learnt."""
        fewer = {**settings, "max_iter": trees} if "max_iter" in settings else dict(settings)
        if "of" in fewer:
            fewer["of"] = {name: KNOWN[name].quick(own, trees) for name, own in parts_of(settings).items()}
        return fewer


def lacks(name: str, settings: Mapping[str, Any]) -> str | None:
    """Return why the candidate of a name cannot be fitted here, None where nothing is missing."""
    return KNOWN[name].lacks(settings) if name in KNOWN else f"candidate {name!r} is unknown"


def parts_of(settings: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return the candidates that one is made of, with their settings; none for most."""
    parts: Mapping[str, Mapping[str, Any]] = settings.get("of", {})
    return parts


def column_means(matrix: FloatArray) -> FloatArray:
    """Return (k,) what stands for a missing value of each column."""
    return np.asarray(np.nanmean(matrix, axis=0))
