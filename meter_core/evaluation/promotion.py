"""The promotion gate: whether a trained model becomes the champion, and why, in words. Figures in, a verdict out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from meter_core.contracts.finding import Finding, Severity
from meter_core.evaluation.gate_evidence import Champion, Comparison, Evidence, Policy

BETTER_BY: Final = 0.01
"""A new recipe is at least so much better than the champion's (share of the primary score)."""

REFRESH_WORSE_BY: Final = 0.01
"""The bound of a refresh's deterioration stays under this."""

SEGMENT_WORSE_BY: Final = 0.02
SEGMENT_METERS: Final = 20
"""No segment of so many meters may be worse by more."""

COVERAGE: Final = (0.76, 0.84)
"""What the 80 % range of a new recipe has to cover."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says.

    Attributes:
        promoted: Whether the model becomes the champion.
        why: Sentences for a person.
        findings: One for each rule that said no, or that a person should know of.
        waiting: Whether it passed and waits for a person.
    """

    promoted: bool
    why: str
    findings: Sequence[Finding] = field(default_factory=tuple)
    waiting: bool = False


AUTOMATIC: Final = Policy()


def decide(evidence: Evidence, champion: Champion | None, trained_until: str, policy: Policy = AUTOMATIC) -> Verdict:
    """Decide whether a trained model becomes the champion.

    It must not leak. Without a champion it has to beat the strongest baseline by 1 %: less than that is noise on four
    weeks, and pure noise must not pass. A new recipe has to be better than the champion's by 1 % with the bound above 0
    too, cover 76-84 %, and worsen no larger segment. A refresh of the same recipe must beat the baselines and not be
    worse; where it cannot be compared, as with a damaged champion, it needs what a first champion needs. What replaces
    a champion of another release's features must beat the strongest baseline by 1 % and cover 76-84 %.

    Args:
        evidence: of the training run.
        champion: that stands, None for the first.
        trained_until: end of the data the model was trained on, ISO 8601 UTC.
        policy: what was asked beside.
    """
    refresh = champion is not None and champion.follows(evidence.recipe, evidence.identity)
    compared = champion is not None and _comparison(evidence, champion, refresh) is not None
    findings = [
        *_leaks(evidence),
        *_skill(evidence, 0.0 if refresh and compared else BETTER_BY),
        *_mean(evidence),
        *_threshold(evidence, policy),
    ]
    if champion is not None and refresh:
        findings += _refresh(evidence, champion, trained_until)
    elif champion is not None:
        findings += [*_new_recipe(evidence, champion), *_segments(evidence)]
    if not (refresh and compared):
        findings += _coverage(evidence, Severity.WARNING if champion is None or refresh else Severity.ERROR)
    refusals = [finding.message for finding in findings if finding.severity is Severity.ERROR]
    if refusals:
        return Verdict(False, " ".join(refusals), tuple(findings))
    praise = _praise(evidence, champion, trained_until)
    if policy.approval:
        words = f"{praise} It waits for a person: `meter models` names the version, `meter promote` makes it champion."
        return Verdict(False, words, tuple(findings), waiting=True)
    return Verdict(True, praise, tuple(findings))


def _leaks(evidence: Evidence) -> list[Finding]:
    return [leak for leak in evidence.leaks if leak.severity is Severity.ERROR]


def _skill(evidence: Evidence, needed: float) -> list[Finding]:
    """No skill over the strongest baseline: refused, whatever the score."""
    name, best = strongest(evidence.baselines)
    if name is None or best is None or evidence.skill is None:
        return [
            _no(
                "no_baseline",
                evidence,
                "No baseline is defined on the hold-out, so nothing says the model is good; load more history.",
            )
        ]
    figures = {"skill": evidence.skill, "skill_low": evidence.skill_low, "baseline": name, "rows": evidence.rows}
    if not (evidence.skill > 0 and evidence.skill >= needed):
        message = (
            f"No skill: {evidence.score} {evidence.value:.4f} kWh on {evidence.rows:,} rows, where the baseline {name} "
            f"has {best:.4f}; {needed:.0%} better is needed."
        )
        return [_no("no_skill", evidence, message, figures)]
    if evidence.skill_low is None or not evidence.skill_low > 0:
        bound = (
            "has no bound on less than two weeks" if evidence.skill_low is None else f"may be {evidence.skill_low:.1%}"
        )
        message = (
            f"The skill of {evidence.skill:.1%} over the baseline {name} ({best:.4f} kWh) is no claim yet: "
            f"with 95 % confidence it {bound}."
        )
        return [Finding("skill_uncertain", evidence.recipe, Severity.WARNING, message, figures)]
    return []


def _mean(evidence: Evidence) -> list[Finding]:
    """On noise a range from many values beats the baselines' own in pinball loss; its mean beats nothing."""
    if evidence.skill_rmse is None or evidence.skill_rmse > 0:
        return []
    message = (
        f"The means have no skill: their RMSE is {-evidence.skill_rmse:.1%} above that of the strongest baseline. "
        "A better range alone can be had on pure noise."
    )
    return [_no("no_skill_of_means", evidence, message, {"skill_rmse": evidence.skill_rmse})]


def _threshold(evidence: Evidence, policy: Policy) -> list[Finding]:
    if policy.max_rmse is None or (evidence.rmse is not None and evidence.rmse <= policy.max_rmse):
        return []
    said = "is not known" if evidence.rmse is None else f"of {evidence.rmse:.4f} kWh is above it"
    message = (
        f"This training was asked for an RMSE of at most {policy.max_rmse:g} kWh; that of {evidence.recipe} {said}."
    )
    return [_no("over_max_rmse", evidence, message, {"rmse": evidence.rmse, "max_rmse": policy.max_rmse})]


def _comparison(evidence: Evidence, champion: Champion, refresh: bool) -> Comparison | None:
    """Return the winner against the champion's recipe, or the champion itself; None where they cannot be compared.

    Of a refresh it is the champion itself; of another recipe, only where that was not among the candidates. A champion
    of other features that has learnt from the hold-out, or cannot be had, is stood for by today's recipe of its name.
    """
    itself = evidence.refresh if evidence.refresh and evidence.refresh.name == f"champion {champion.version}" else None
    if refresh:
        return itself if itself and itself.low is not None else None
    same = next((other for other in evidence.others if champion.follows(other.name, other.identity)), itself)
    return same or next((other for other in evidence.others if other.name == champion.recipe), None)


def _new_recipe(evidence: Evidence, champion: Champion) -> list[Finding]:
    against = _comparison(evidence, champion, False)
    if against is None and champion.recipe == evidence.recipe:
        message = (
            f"Champion {champion.version} follows {champion.recipe} with other features, another format or other "
            "settings, and could not be compared with."
        )
        return [Finding("champion_of_other_features", evidence.recipe, Severity.WARNING, message)]
    if against is None:
        message = (
            f"The champion {champion.version} follows the recipe {champion.recipe!r}, which was not among this "
            "run's candidates, so they were not compared."
        )
        return [_no("not_compared", evidence, message)]
    figures = {"improvement": against.improvement, "low": against.low, "rows": against.rows}
    if against.improvement < BETTER_BY or against.low is None or not against.low > 0:
        message = (
            f"{evidence.recipe} is {against.improvement:.1%} better than {champion.recipe} of champion "
            f"{champion.version} ({_bound(against)}); a new recipe needs {BETTER_BY:.0%} and a bound above 0."
        )
        return [_no("not_better_than_champion", evidence, message, figures)]
    return []


def _refresh(evidence: Evidence, champion: Champion, trained_until: str) -> list[Finding]:
    if trained_until < champion.trained_until:
        message = (
            f"Champion {champion.version} follows the same recipe and was trained on newer data (until "
            f"{champion.trained_until}, this one until {trained_until})."
        )
        return [_no("older_than_champion", evidence, message)]
    against = _comparison(evidence, champion, True)
    if against is None or against.low is None:
        message = (
            f"Champion {champion.version} follows the same recipe. It has learnt from days that this training is "
            "scored on, or it could not be had: so the two are not compared."
        )
        return [Finding("refresh_not_compared", evidence.recipe, Severity.INFO, message)]
    if -against.low >= REFRESH_WORSE_BY:
        message = (
            f"The refresh may be {-against.low:.1%} worse than champion {champion.version} ({_bound(against)}); "
            f"the bound has to stay under {REFRESH_WORSE_BY:.0%}."
        )
        return [_no("worse_than_champion", evidence, message, {"improvement": against.improvement, "low": against.low})]
    return []


def _coverage(evidence: Evidence, severity: Severity) -> list[Finding]:
    if evidence.coverage is None or COVERAGE[0] <= evidence.coverage <= COVERAGE[1]:
        return []
    message = (
        f"The 80 % range covers {evidence.coverage:.1%} of the hold-out; {COVERAGE[0]:.0%} to {COVERAGE[1]:.0%} would "
        "be right."
    )
    return [Finding("coverage", evidence.recipe, severity, message, {"coverage": evidence.coverage})]


def _segments(evidence: Evidence) -> list[Finding]:
    return [
        _no(
            "segment_worse",
            evidence,
            f"The segment {segment.name} ({segment.meters} meters) is {-segment.improvement:.1%} worse; at most "
            f"{SEGMENT_WORSE_BY:.0%} is allowed.",
            {"improvement": segment.improvement, "meters": segment.meters},
        )
        for segment in evidence.segments
        if segment.meters >= SEGMENT_METERS and segment.improvement < -SEGMENT_WORSE_BY
    ]


def _praise(evidence: Evidence, champion: Champion | None, trained_until: str) -> str:
    """Say why a model was promoted."""
    name, best = strongest(evidence.baselines)
    words = (
        f"{evidence.recipe} has {evidence.score} {evidence.value:.4f} kWh on {evidence.rows:,} rows it was not "
        "fitted on, "
        f"{evidence.skill:.1%} better than the strongest baseline ({name}, {best:.4f}); no leak was found."
    )
    if champion is None:
        return f"{words} It is the first champion."
    refresh = champion.follows(evidence.recipe, evidence.identity)
    against = _comparison(evidence, champion, refresh)
    if against is None and not refresh:
        return f"{words} With champion {champion.version}, of other features or another format, it was not compared."
    if against is None or refresh:
        newer = "newer" if trained_until > champion.trained_until else "corrected"
        return f"{words} It refreshes champion {champion.version} with {newer} data."
    return (
        f"{words} It is {against.improvement:.1%} better than {champion.recipe} of champion {champion.version} "
        f"({_bound(against)})."
    )


def strongest(baselines: Mapping[str, float | None]) -> tuple[str | None, float | None]:
    """Return name and score of the baseline with the lowest score; None and None where none is defined."""
    defined = {name: value for name, value in baselines.items() if value is not None}
    if not defined:
        return None, None
    best = min(defined, key=lambda name: defined[name])
    return best, defined[best]


def _bound(against: Comparison) -> str:
    return "no bound on less than two weeks" if against.low is None else f"95 % bound {against.low:+.1%}"


def _no(what: str, evidence: Evidence, message: str, figures: Mapping[str, Any] | None = None) -> Finding:
    return Finding(what, evidence.recipe, Severity.ERROR, message, figures or {})
