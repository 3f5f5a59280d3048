"""Commands that start things or say how they are: up, serve, status."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from meter_core.cli.output import JsonOption, Speaker, speaking
from meter_core.cli.processes import FlowRunError, deploy_flows, run_flow
from meter_core.contracts.errors import MeterError, UnavailableError
from meter_core.contracts.finding import Severity
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.embedded import Connections, Need, services
from meter_core.settings import Settings

INBOX_POLL_SECONDS = 3.0
RETRY_AFTER_SECONDS = 60.0


def up(as_json: JsonOption = False) -> None:
    """Start everything on this machine and watch the inbox, until Ctrl-C."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.runs_page import write_runs_page

        settings = Settings()
        with services(settings, set(Need), progress=speaker.say) as urls:
            make_schema(settings, urls)
            speaker.say("deploying the flows")
            deploy_flows(urls)
            write_runs_page(str(urls.prefect_api_url), urls.database_url, settings)
            links = shown_urls(settings, urls)
            if not speaker.result({"urls": links}):
                speaker.facts(links)
                speaker.say(
                    f"\nPut files into {settings.files_root}/inbox/PROFILE/ and they are ingested. Ctrl-C stops all."
                )
            until_interrupted(lambda: look_after(speaker, settings, urls))
            speaker.say("stopping")
        speaker.say(f"stopped; the data stays in {settings.home}")


def serve(as_json: JsonOption = False) -> None:
    """Serve predictions over HTTP, with the page, and over gRPC, until Ctrl-C."""
    with speaking(as_json) as speaker:
        settings = Settings()
        with services(settings, {Need.PAGE}, progress=speaker.say) as urls:
            make_schema(settings, urls)
            links = {"page": urls.page_url, "API": f"{urls.page_url}/docs", "gRPC": urls.grpc_address}
            if not speaker.result({"urls": links}):
                speaker.facts(links)
                speaker.say("Ctrl-C stops it.")
            until_interrupted(lambda: time.sleep(INBOX_POLL_SECONDS))


def deploy(
    pool: Annotated[str | None, typer.Option(help="Work pool; made where there is none. Without it: process.")] = None,
    job_template: Annotated[
        Path | None,
        typer.Option(help="JSON file that makes the pool's runs Kubernetes Jobs: k8s/base-job-template.json."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Put the flows on the Prefect server: schedules, what leads from one to the next, and notices (METER_NOTIFY)."""
    with speaking(as_json) as speaker:
        options = ["--pool", pool] if pool else []
        options += ["--job-template", str(job_template.absolute())] if job_template else []
        with services(Settings(), {Need.PREFECT}, progress=speaker.say) as urls:
            done = deploy_flows(urls, options)
        if not speaker.result(done):
            speaker.facts({"pool": done["pool"], "code": done["code"]})
            speaker.facts(
                {"deployments": ", ".join(done["deployments"]), "automations": ", ".join(done["automations"])}
            )


def status(as_json: JsonOption = False) -> None:
    """Say what runs, what is fresh, what is wrong, and the remedy."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.status import status as run

        checks = run(Settings())
        if not speaker.result({"checks": [check.as_dict() for check in checks]}):
            speaker.table(
                "Status", ["", "part", "what"], [(c.severity, c.where, c.message) for c in checks], numeric_from=3
            )
        if any(check.severity is Severity.ERROR for check in checks):
            raise typer.Exit(1)


def make_schema(settings: Settings, urls: Connections) -> None:
    """Make the schema of the embedded database, which the page asks; one from outside has who makes its own."""
    from meter_core.store import Store

    if settings.database_url is None and urls.database_url is not None:
        Store(urls.database_url).upgrade()


def look_after(speaker: Speaker, settings: Settings, urls: Connections) -> None:
    """End runs whose process is gone, then look into the inbox."""
    from meter_core.embedded.prefect_api import PrefectApi
    from meter_core.jobs.dead_runs import end_dead_runs

    if urls.own_prefect and urls.prefect_api_url:
        try:
            with PrefectApi(urls.prefect_api_url) as api:
                for name in end_dead_runs(api):
                    speaker.say(f"the run '{name}' had died; it is started again, once")
        except UnavailableError as error:
            speaker.say(str(error))
    ingest_arrivals(speaker, settings, urls)


def ingest_arrivals(speaker: Speaker, settings: Settings, urls: Connections) -> None:
    """Look into the inbox once; what lies there is ingested by the flow that also runs each night."""
    from meter_core.jobs.inbox import Inbox

    time.sleep(INBOX_POLL_SECONDS)
    try:
        if not Inbox(settings.files_root).waiting():
            return
        ended = run_flow(urls, "ingest_readings/daily", {}, lambda text: speaker.say(f"  {text}"))
        speaker.say(f"inbox: {ended['message']}")
    except FlowRunError as error:
        if error.exit_status != UnavailableError.exit_status:
            speaker.say(f"inbox: {error} (set aside in {settings.files_root}/inbox_stopped)")
            return
        try_later(speaker, error)
    except UnavailableError as error:
        try_later(speaker, error)


def try_later(speaker: Speaker, error: MeterError) -> None:
    """Say what is away, and give it time."""
    speaker.say(f"inbox: {error}; trying again in {RETRY_AFTER_SECONDS:.0f} s")
    time.sleep(RETRY_AFTER_SECONDS)


def shown_urls(settings: Settings, urls: Connections) -> dict[str, str | None]:
    """Return where a person can look."""
    return {
        "page": urls.page_url,
        "API": f"{urls.page_url}/docs",
        "gRPC": urls.grpc_address,
        "MLflow": f"{urls.mlflow_tracking_uri}/#/models/{REGISTERED_MODELS['reading']}",
        "Prefect": urls.prefect_ui_url,
        "data docs": f"{urls.page_url}/data_docs/index.html",
        "runs": f"{urls.page_url}/data_docs/runs.html",
        "files": settings.files_root,
    }


def until_interrupted(step: Callable[[], None]) -> None:
    """Repeat a step until Ctrl-C."""
    try:
        while True:
            step()
    except KeyboardInterrupt:
        return
