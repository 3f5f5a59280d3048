"""The card of a model in words, an artifact of its run: what it is for, how good it is, what it looks at, limits."""

from typing import Final

from meter_core.calendar import iso_utc
from meter_core.features.availability import AHEAD_NEEDS, ENERGY, KNOWN_FROM, READING_NEEDS
from meter_core.features.history import FEATURE_SETS
from meter_core.jobs.training import SCORES, Training
from meter_core.models.fit import EMBARGO_S

PURPOSE: Final = {
    "reading": (
        "From a snapshot of a meter at the start of an interval, with its recent energy where there is some, the "
        "energy of that interval, with its 80 % range. It answers live requests and says what a reading should be."
    ),
    "ahead": (
        "From a meter's history the energy of each of its next 1 to 168 hours, with its 80 % range and joint sample "
        "paths: sums of hours, days and meters come from the paths, since quantiles do not add."
    ),
}
LIMITS: Final = """\
- Trained on the meters counted above and on nobody else: of another country, tariff or heating it only guesses until it
  has learnt from such.
- It knows no outage, vacancy or tampering.
- Not for: billing in place of a measured value, or any decision about a person."""


def model_card(training: Training) -> str:
    """Return the card as Markdown."""
    return "\n\n".join(
        [
            f"# {training.model}: {training.final.recipe.name}",
            PURPOSE[training.task],
            f"## Data\n\n{_data(training)}",
            f"## How good it is\n\n{_how_good(training)}",
            f"## What it looks at\n\n{_features(training)}",
            f"## Limits\n\n{LIMITS}",
            f"## Findings\n\n{_findings(training)}",
        ]
    )


def _data(training: Training) -> str:
    """Return what it learnt from."""
    about = training.final.predictor.about
    rows = ", ".join(f"{number:,} rows ({part})" for part, number in training.final.rows.items())
    return (
        f"{about['meters']} meters, readings from {about['training_from_ts']} to {about['training_until_ts']}; learnt "
        f"from {rows}; digest `{training.digest}`. Estimated values are never learnt from."
    )


def _how_good(training: Training) -> str:
    """Return on what it was scored, all scores, the skill and the coverage."""
    split, evaluation = training.split, training.evaluation
    scored = (
        f"Scored on {len(evaluation.rows):,} rows of {iso_utc(split.test_from_s)} to {iso_utc(split.test_until_s)}, "
        f"fitted for that on what begins {EMBARGO_S // 3600} hours before; then fitted again on everything. kWh, means "
        "over meters."
    )
    covered = f"Its 80 % range covers {evaluation.candidate_scores[training.winner]['coverage']:.1%} of these rows."
    return "\n\n".join((scored, _scores(training), _skill(training), covered))


def _scores(training: Training) -> str:
    """Return the scores of everything, best first."""
    evaluation = training.evaluation
    everyone = {**evaluation.candidate_scores, **{n: s for n, s in evaluation.baseline_scores.items() if s}}
    ranked = sorted(everyone.items(), key=lambda item: float(item[1][evaluation.primary]))
    lines = [f"| | {' | '.join(SCORES)} |", "|---|" + "--:|" * len(SCORES)]
    for name, scores in ranked:
        shown = f"**{name}**" if name == training.winner else name
        lines.append(f"| {shown} | {' | '.join(f'{scores[score]:.4f}' for score in SCORES)} |")
    return "\n".join(lines)


def _skill(training: Training) -> str:
    """Return the skill over the strongest baseline, and how sure it is."""
    bounds, primary = training.evaluation.skill_bounds(training.winner), training.evaluation.primary
    if bounds is None:
        return "How sure its skill is cannot be said: less than two weeks were scored, or no baseline is defined."
    return (
        f"Skill in {primary} over the strongest baseline: {bounds.value:.1%} (95 % interval {bounds.low:.1%} to "
        f"{bounds.high:.1%})."
    )


def _features(training: Training) -> str:
    """Return each feature with what it needs, and from when on that is known."""
    reading = training.task == "reading"
    names = FEATURE_SETS[training.final.recipe.features] if reading else tuple(AHEAD_NEEDS)
    needs, empty = READING_NEEDS if reading else AHEAD_NEEDS, training.final.predictor.empty_features
    lines = ["| feature | computed from | in use |", "|---|---|---|"]
    for name in names:
        used = "no value in the training window" if name in empty else "yes"
        lines.append(f"| {name} | {', '.join(needs[name]) or 'the calendar'} | {used} |")
    quantities = sorted({quantity for name in names for quantity in needs[name]} - {ENERGY})
    known = [f"`{ENERGY}` of an interval is known from {KNOWN_FROM[ENERGY]}."]
    known += [f"{', '.join(f'`{each}`' for each in quantities)}: {KNOWN_FROM[quantities[0]]}."] if quantities else []
    return "\n".join(lines) + "\n\n" + " ".join(known)


def _findings(training: Training) -> str:
    """Return what the leak linter and the evaluation found."""
    lines = [f"- {finding.severity}: {finding.message}" for finding in training.findings]
    return "\n".join(lines) or "None: neither the leak linter nor the evaluation found anything."
