"""Training of the task `ahead`: a day from each midnight of the last 28 days, then the winner on everything."""

from typing import Final

from meter_core.evaluation.ahead import SEED, Ahead, answers_ahead, evaluate_ahead, of_known_lengths, scored_meters
from meter_core.evaluation.ahead_leaks import ahead_leak_findings
from meter_core.evaluation.evaluated import Evaluation
from meter_core.evaluation.fit_leaks import ahead_fit_findings
from meter_core.evaluation.gate_evidence import Comparison
from meter_core.evaluation.recipe_identity import with_recipe_of
from meter_core.evaluation.splits import Split, hold_out
from meter_core.jobs.training import (
    Ground,
    Progress,
    StandingModel,
    Training,
    card_of,
    data_digest,
    learnt_until_s,
    refuse_leaks,
    segments,
)
from meter_core.models.candidates import ahead_recipes
from meter_core.models.fit_ahead import fit_forecaster
from meter_core.models.forecaster import Forecaster

SCORED: Final = Ahead(hours=24)


def train_forecasts(ground: Ground, progress: Progress) -> Training:
    """Evaluate the candidates and fit the winner.

    Raises:
        RefusedError: where there are too few readings, or a feature leaks.
    """
    table, split = ground.table, hold_out(ground.table)
    progress("looking for leaks")
    leaks = ahead_leak_findings(table)
    refuse_leaks(leaks)
    progress("fitting and scoring the candidates on the last 28 days")
    meters, standing = len(set(table.meter_id.tolist())), ground.champion
    own = ahead_recipes(meters, ground.candidates)
    candidates = own if standing is None else with_recipe_of(own, standing.predictor.about, standing.ref.version)
    evaluation = evaluate_ahead(table, [split], candidates, SCORED)
    refuse_leaks(ahead_fit_findings(table, split, candidates[evaluation.best]))
    progress(f"fitting {evaluation.best} on everything")
    digest = data_digest(table)
    card = card_of("ahead", ground, digest, split, evaluation, {})
    final = fit_forecaster(table, candidates[evaluation.best], int(table.available_s.max()), SEED, card)
    return Training(
        task="ahead",
        name=ground.name,
        started=ground.started,
        table=table,
        digest=digest,
        split=split,
        evaluation=evaluation,
        final=final,
        random_split={},
        champion=None if standing is None else standing.ref,
        refresh=None if standing is None else _against_champion(standing, evaluation, ground, split),
        segments=segments(ground, evaluation, candidates, split),
        findings=(*leaks, *evaluation.findings),
    )


def _against_champion(
    champion: StandingModel, evaluation: Evaluation, ground: Ground, split: Split
) -> Comparison | None:
    """Compare the winner with a champion that has learnt from no more than the winner's own fit."""
    forecaster = champion.predictor
    if not isinstance(forecaster, Forecaster):
        return None
    scored = scored_meters(ground.table, [split], SCORED)
    meters, _ = of_known_lengths(scored, [evaluation.candidates[evaluation.best].fitted.predictor.intervals])
    asked = {int(meter.origins.batch.interval_minutes[0]) for meter in meters if meter.scored.any()}
    if not asked <= set(forecaster.intervals) or learnt_until_s(forecaster.about) > split.test_from_s:
        return None
    answers = answers_ahead(forecaster, [meter for meter in meters if meter.scored.any()])
    return evaluation.compared_with(evaluation.best, answers, f"champion {champion.ref.version}")
