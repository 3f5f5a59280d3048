"""Training of the task `reading`: candidates on the last 28 days, then the winner on everything."""

import numpy as np

from meter_core.evaluation.evaluated import Evaluation
from meter_core.evaluation.fit_leaks import reading_fit_findings
from meter_core.evaluation.gate_evidence import Comparison
from meter_core.evaluation.leaks import leak_findings
from meter_core.evaluation.random_split import random_split_scores
from meter_core.evaluation.reading import SEEDS, answers_of, evaluate_candidates
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
from meter_core.models.candidates import recipes
from meter_core.models.fit import TrainingData, fit_predictor
from meter_core.models.predictor import Predictor


def train_readings(ground: Ground, progress: Progress) -> Training:
    """Evaluate the candidates and fit the winner.

    Raises:
        RefusedError: where there are too few readings, or a feature leaks.
    """
    split = hold_out(ground.table)
    progress("computing features")
    data = TrainingData.of(ground.table)
    progress("looking for leaks")
    leaks = leak_findings(data)
    refuse_leaks(leaks)
    progress("fitting and scoring the candidates on the last 28 days")
    own, standing = recipes("history", ground.candidates), ground.champion
    candidates = own if standing is None else with_recipe_of(own, standing.predictor.about, standing.ref.version)
    evaluation = evaluate_candidates(data, split, candidates)
    refuse_leaks(reading_fit_findings(ground.table, split, candidates[evaluation.best]))
    random_split = random_split_scores(data, own)
    progress(f"fitting {evaluation.best} on everything")
    digest = data_digest(ground.table)
    card = card_of("reading", ground, digest, split, evaluation, random_split)
    final = fit_predictor(data, candidates[evaluation.best], seed=SEEDS[0], about=card)
    return Training(
        task="reading",
        name=ground.name,
        started=ground.started,
        table=ground.table,
        digest=digest,
        split=split,
        evaluation=evaluation,
        final=final,
        random_split=random_split,
        champion=None if standing is None else standing.ref,
        refresh=None if standing is None else _against_champion(standing, evaluation, data, split),
        segments=segments(ground, evaluation, candidates, split),
        findings=(*leaks, *evaluation.findings),
    )


def _against_champion(
    champion: StandingModel, evaluation: Evaluation, data: TrainingData, split: Split
) -> Comparison | None:
    """Compare the winner with a champion that has learnt from no more than the winner's own fit."""
    predictor = champion.predictor
    if not isinstance(predictor, Predictor):
        return None
    test = split.test_rows(data.table)
    known = np.isin(data.table.interval_minutes[test], predictor.intervals)
    if not known.all() or learnt_until_s(predictor.about) > split.test_from_s:
        return None
    answers, _ = answers_of(predictor, data.table, test)
    return evaluation.compared_with(evaluation.best, answers, f"champion {champion.ref.version}")
