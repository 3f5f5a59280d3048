"""What the promotion gate decides on: the figures of a training run, the champion that stands, and what was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from meter_core.contracts.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Comparison:
    """Paired scores of two models on identical rows; positive means that the candidate is better.

    Attributes:
        name: Who it is compared with: a recipe, or `champion 3`.
        improvement: Share by which the candidate's score is lower.
        low: One-sided 95 % bound of the improvement from the paired weekly-block bootstrap; None with less than two
            weeks.
        rows: Number of rows.
        identity: Of the recipe that it is compared with; empty where that is a model.
    """

    name: str
    improvement: float
    low: float | None
    rows: int
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A group of meters, compared with the same model as the whole."""

    name: str
    meters: int
    improvement: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a training run knows about its winner.

    Attributes:
        recipe: The winner's name: what is fitted and on which features.
        score: Name of the primary score: `rmse` for readings, `pinball` ahead.
        value: The winner's primary score on the hold-out.
        baselines: The same score of every baseline on the same rows; None where it was not defined on 90 % of them.
        skill: 1 - value / strongest baseline; None without any.
        skill_low: One-sided 95 % bound of the skill from the paired weekly-block bootstrap; None with less than two
            weeks.
        coverage: Share of the hold-out inside [0.1, 0.9]; None without a range.
        rows: Rows of the hold-out.
        leaks: What the leak check found.
        others: The winner against every other candidate on the hold-out.
        refresh: The winner's recipe against the champion of the same recipe, where that has learnt from no more than
            the winner's fit before the hold-out; else None: a champion that knows more days would keep them out.
        segments: Against the champion's recipe.
        identity: Of the winner's recipe: its name with the digest of its configuration; empty in runs from before.
        rmse: The winner's on the hold-out, kWh, whatever the primary score; None in runs from before.
        skill_rmse: Likewise its skill in RMSE.
    """

    recipe: str
    score: str
    value: float
    baselines: Mapping[str, float | None]
    skill: float | None
    skill_low: float | None
    coverage: float | None
    rows: int
    leaks: Sequence[Finding] = ()
    others: Sequence[Comparison] = ()
    refresh: Comparison | None = None
    segments: Sequence[Segment] = ()
    identity: str = ""
    rmse: float | None = None
    skill_rmse: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the evidence as plain JSON types."""
        return {
            **asdict(self),
            "baselines": dict(self.baselines),
            "leaks": [finding.as_dict() for finding in self.leaks],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return what `as_dict` wrote."""
        leaks = tuple(Finding(**{**leak, "severity": Severity(leak["severity"])}) for leak in content["leaks"])
        refresh = content["refresh"]
        return cls(
            **{
                **content,
                "leaks": leaks,
                "others": tuple(Comparison(**other) for other in content["others"]),
                "refresh": None if refresh is None else Comparison(**refresh),
                "segments": tuple(Segment(**segment) for segment in content["segments"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Champion:
    """The champion that stands.

    Attributes:
        version: Of the registered model.
        recipe: Name of its recipe.
        trained_until: End of what it was trained on, ISO 8601 UTC.
        identity: Of its recipe, as in `Evidence`; empty where it was registered without one.
    """

    version: str
    recipe: str
    trained_until: str
    identity: str = ""

    def follows(self, recipe: str, identity: str) -> bool:
        """Return whether a recipe is the champion's: by configuration where both sides say it, else by name."""
        return self.identity == identity if self.identity and identity else self.recipe == recipe


@dataclass(frozen=True, slots=True)
class Policy:
    """What whoever starts a training asks of the gate beside its rules.

    Attributes:
        approval: A model that passes waits until a person promotes it.
        max_rmse: No model with a larger RMSE on the hold-out passes, kWh; None: no limit.
    """

    approval: bool = False
    max_rmse: float | None = None

    def also(self, approval: bool) -> "Policy":
        """Return the policy with a person asked where this, or whoever runs it, wants one."""
        return replace(self, approval=self.approval or approval)
