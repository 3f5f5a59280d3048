"""Training of any task: candidates, honest evaluation, the export, registration and the gate."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from meter_core.contracts.errors import MeterError, RefusedError, UnavailableError
from meter_core.contracts.finding import Finding, Severity
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.contracts.plain_json import plain
from meter_core.embedded.connections import Connections
from meter_core.evaluation.gate_evidence import Policy
from meter_core.evaluation.promotion import AUTOMATIC, decide
from meter_core.jobs.registered import MODEL_CLASSES, known_task, store_of
from meter_core.jobs.registration import Desk, Settled
from meter_core.jobs.stored_readings import stored_table
from meter_core.jobs.stored_weather import with_stored_weather
from meter_core.jobs.training import Ground, Progress, StandingModel, Training, evidence
from meter_core.jobs.training_forecasts import train_forecasts
from meter_core.jobs.training_readings import train_readings
from meter_core.jobs.training_run import predictor_digest, write_training
from meter_core.models.candidates import check_candidates
from meter_core.registry.delivery import Retries
from meter_core.registry.rest import Registry
from meter_core.registry.undelivered import Undelivered
from meter_core.settings import Settings

WHO = "meter train"
LOOK_S = 10.0
"""How long the present champion may take to arrive. Without it a refresh is not compared, which the gate says."""

NOTHING_NEW: Final = "nothing_new"
"""What the finding says where a training gave the champion's predictor again."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training did. Energies in kWh.

    Attributes:
        run_id: In MLflow; None while MLflow is away, and so `version`.
        model: Registered model.
        version: Of the registered model.
        promoted: Whether it is champion now; so too where it was before and nothing is new.
        refused: Whether the gate said no.
        awaits_approval: Whether it passed and a person is to promote it. None of the three where MLflow is away: the
            gate decides on delivery.
        why: In words.
        recipe: The winner.
        candidates: Scores on the hold-out, by name.
        metrics: The winner's.
        baselines: Scores on the same rows, None where not defined on 90 % of them.
        skill: The winner's 1 - score / strongest baseline, by score.
        random_split: Scores of the classic random 70/30 split, for comparison with published figures only.
        rows: Of the hold-out.
        data: Window, digest and rows learnt from.
        name: Of the run; under `undelivered/` while MLflow is away.
        seconds: It took.
        findings: Of leak check, evaluation, gate and delivery.
    """

    run_id: str | None
    model: str
    version: str | None
    promoted: bool
    refused: bool
    awaits_approval: bool
    why: str
    recipe: str
    candidates: Mapping[str, Mapping[str, Any]]
    metrics: Mapping[str, Any]
    baselines: Mapping[str, Mapping[str, float] | None]
    skill: Mapping[str, float | None]
    random_split: Mapping[str, Any]
    rows: int
    data: Mapping[str, Any]
    name: str
    seconds: float
    findings: Sequence[Finding] = field(default_factory=tuple)

    @property
    def decision(self) -> str:
        """What became of the winner: `promoted`, `refused`, `unchanged`, `awaits_approval`, or `waiting` for MLflow."""
        if any(finding.what == NOTHING_NEW for finding in self.findings):
            return "unchanged"
        said = ("promoted", "refused", "awaits_approval")
        return next((name for name in said if getattr(self, name)), "waiting")

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        content = {name: getattr(self, name) for name in (*self.__slots__, "decision")}
        return plain({**content, "findings": [finding.as_dict() for finding in self.findings]})


def train(
    task: str,
    since: datetime | None,
    until: datetime | None,
    settings: Settings,
    connections: Connections,
    progress: Progress = lambda *_: None,
    retries: Retries = Retries(),  # noqa: B008 - frozen
    policy: Policy = AUTOMATIC,
    candidates: Sequence[str] | None = None,
) -> TrainResult:
    """Train, evaluate, register, and let the gate decide.

    The candidates are fitted up to 28 days and the embargo before the end and scored on these days beside every
    baseline; the best is fitted again on everything. The run is on disk before MLflow hears of it: where MLflow is away
    it waits under `undelivered/`. Where the same readings and recipes give the champion again, bit for bit, there is
    nothing to register, and the result names the champion's own run and version.

    Args:
        task: `reading` or `ahead`.
        since: First instant of the data; None: the first reading.
        until: End of the data, exclusive; None: the last reading.
        settings: of this process.
        connections: with PostgreSQL and MLflow.
        progress: gets a sentence and, where known, a share from 0 to 1.
        retries: for an MLflow that is away.
        policy: what is asked of the gate beside its rules; METER_APPROVAL asks for a person whatever it says.
        candidates: names of those to compare; None: the task's own.

    Raises:
        UsageError: where the task or a candidate is unknown.
        RefusedError: where there are too few readings, or a feature leaks.
        UnavailableError: where the database cannot be reached or the run cannot be kept.
    """
    began, started = time.perf_counter(), datetime.now(UTC)
    check_candidates(known_task(task), candidates)
    training = _trained(task, since, until, started, settings, connections, progress, candidates)
    waiting = Undelivered(connections.files_url)
    settled = None if waiting.names() else _unchanged(training)
    findings = list(settled.findings) if settled else []
    if settled is None:
        with waiting.writing(training.name) as folder:
            progress("writing the run")
            write_training(training, folder, policy.also(settings.approval))
        desk = Desk(waiting, settings, connections, WHO, retries)
        settled, findings = _delivered(desk, training.name, progress)
    return _result(training, settled, [*training.findings, *findings], time.perf_counter() - began)


def _trained(
    task: str,
    since: datetime | None,
    until: datetime | None,
    started: datetime,
    settings: Settings,
    connections: Connections,
    progress: Progress,
    candidates: Sequence[str] | None,
) -> Training:
    """Evaluate the candidates of a task and fit the winner."""
    progress("reading the training data")
    store = store_of(connections, settings)
    readings, means = store.readings(since, until), store.interval_means()
    late = frozenset[str]().union(*(means.get(source, frozenset()) for source in readings["source"].unique()))
    champion, unusable = _champion(task, connections)
    table = stored_table(readings, means)
    ground = Ground(
        name=f"{task}-{started:%Y%m%dT%H%M%S%f}",
        started=started,
        table=with_stored_weather(table, store) if task == "ahead" else table,
        interval_means=tuple(sorted(late)),
        champion=champion,
        segments=store.segments(),
        candidates=candidates,
    )
    training = (train_readings if task == "reading" else train_forecasts)(ground, progress)
    return replace(training, findings=(*training.findings, *unusable))


def _champion(task: str, connections: Connections) -> tuple[StandingModel | None, list[Finding]]:
    """Return the champion, None where there is none or it cannot be had, and in that case why.

    A champion that is damaged or of an older format must not keep its successor out: training is its remedy.
    """
    if not connections.mlflow_tracking_uri:
        return None, []
    try:
        with Registry(connections.mlflow_tracking_uri, REGISTERED_MODELS[task], LOOK_S) as registry:
            ref = registry.champion()
            if ref is None:
                return None, []
            return StandingModel(ref, MODEL_CLASSES[task].load(registry.fetch(ref, connections.home / "models"))), []
    except MeterError as error:
        message = f"the champion could not be compared with: {error}"
        return None, [Finding("champion_not_compared", REGISTERED_MODELS[task], Severity.WARNING, message)]


def _unchanged(training: Training) -> Settled | None:
    """Return the champion's own run and version where this training gave its predictor again; else None."""
    ref = training.champion
    if ref is None or predictor_digest(training.final.predictor) != ref.predictor_digest:
        return None
    why = (
        f"Nothing is new: the same readings and the same recipes give champion {ref.version} again, bit for bit; it "
        "stays, and no version was registered."
    )
    finding = Finding(NOTHING_NEW, training.winner, Severity.INFO, why, {"data_digest": training.digest})
    return Settled(training.name, ref.name, ref.run_id, ref.version, True, why, (finding,))


def _delivered(desk: Desk, own: str, progress: Progress) -> tuple[Settled | None, list[Finding]]:
    """Deliver what waits, oldest first, this training's run last."""
    settled, findings = None, []
    for name in sorted(desk.waiting.names(), key=lambda name: (name == own, name)):
        progress("telling MLflow" if name == own else f"telling MLflow of {name}, which waited")
        try:
            done = desk.settle(name, progress)
        except UnavailableError as error:
            findings.append(_kept(own, error))
            break
        except RefusedError as error:
            if name == own:
                raise RefusedError(f"{error}; the run {own} is kept under undelivered/") from error
            findings.append(Finding("not_deliverable", name, Severity.WARNING, str(error)))
            continue
        settled = done if name == own else settled
    return settled, [*findings, *(settled.findings if settled else ())]


def _kept(name: str, error: UnavailableError) -> Finding:
    message = (
        f"{error}. The run {name} is kept under undelivered/; the next training or `meter models sync` delivers it, "
        "and the gate decides then."
    )
    return Finding("undelivered", name, Severity.WARNING, message)


def _result(training: Training, settled: Settled | None, findings: Sequence[Finding], seconds: float) -> TrainResult:
    """Return what was done."""
    evaluation, winner, known = training.evaluation, training.winner, training.final.predictor.about
    provisional = decide(evidence(training), None, str(known["training_until_ts"]))
    undelivered = next((each.message for each in findings if each.what == "undelivered"), "")
    return TrainResult(
        run_id=settled.run_id if settled else None,
        model=training.model,
        version=settled.version if settled else None,
        promoted=bool(settled and settled.promoted),
        refused=bool(settled and not settled.promoted and not settled.waiting),
        awaits_approval=bool(settled and settled.waiting),
        why=settled.why if settled else f"{undelivered} Against the baselines: {provisional.why}",
        recipe=winner,
        candidates=evaluation.candidate_scores,
        metrics=evaluation.candidate_scores[winner],
        baselines=evaluation.baseline_scores,
        skill=evaluation.skill(winner),
        random_split=training.random_split,
        rows=len(evaluation.rows),
        data={
            "since": known["training_from_ts"],
            "until": known["training_until_ts"],
            "rows": dict(training.final.rows),
            "digest": training.digest,
        },
        name=training.name,
        seconds=seconds,
        findings=tuple(findings),
    )
