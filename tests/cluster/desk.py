"""The desk of a release: a pod with the command meter, from which flows are started and answers asked for."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.kube import Ended, Namespace

CLIENT = Path(__file__).with_name("steady_client.py")
POD_IPS = "import json, socket, sys; print(json.dumps(sorted({i[4][0] for i in socket.getaddrinfo(sys.argv[1], 0)})))"
ASK = "import httpx, sys; print(httpx.get(sys.argv[1]).text)"
FLOW_RUN = """
import httpx, os, sys
user = tuple(os.environ["PREFECT_API_AUTH_STRING"].split(":", 1))
print(httpx.get(os.environ["PREFECT_API_URL"] + "/flow_runs/" + sys.argv[1], auth=user).raise_for_status().text)
"""
SWITCH_OFF = """
import sys
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    [found] = client.read_automations_by_name(sys.argv[1])
    client.pause_automation(found.id)
"""


@dataclass
class Load:
    """A client that goes on until it is told to stop, and what it saw."""

    process: subprocess.Popen[str]
    seen: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Desk:
    namespace: Namespace
    release: str

    @property
    def job(self) -> str:
        return f"{self.release}-desk"

    def open(self) -> None:
        self.namespace.kubectl("create", "job", self.job, f"--from=cronjob/{self.release}-desk")
        self.namespace.kubectl(
            "wait", "pod", f"--selector=job-name={self.job}", "--for=condition=Ready", "--timeout=120s", seconds=150
        )

    def run(self, *command: str, stdin: str | None = None, seconds: float = 240, check: bool = True) -> Ended:
        given = ["exec", *(["--stdin"] if stdin else []), f"job/{self.job}", "--"]
        return self.namespace.kubectl(*given, *command, stdin=stdin, seconds=seconds, check=check)

    def deliver(self, profile: str, name: str, content: str) -> None:
        """Put a file into the inbox, whole."""
        place = f"/files/inbox/{profile}"
        put = f"mkdir -p {place} && cat >{place}/.{name} && mv {place}/.{name} {place}/{name}"
        self.run("sh", "-c", put, stdin=content)

    def flow(self, deployment: str, check: bool = True, **parameters: Any) -> dict[str, Any]:
        """Run a deployment to its end; return what `python -m flows.run` prints."""
        given = [f"--param={name}={json.dumps(value)}" for name, value in parameters.items()]
        return self.run("python", "-m", "flows.run", deployment, *given, seconds=420, check=check).json()

    def flow_run(self, flow_run_id: str) -> dict[str, Any]:
        """What the Prefect server knows of a run; nothing while it does not answer."""
        asked = self.run("python", "-c", FLOW_RUN, flow_run_id, check=False)
        return asked.json() if asked.status == 0 else {}

    def start_flow(self, deployment: str) -> subprocess.Popen[str]:
        """Start a deployment; its JSON comes on stdout."""
        command = ["kubectl", "--namespace", self.namespace.name, "exec", f"job/{self.job}", "--"]
        command += ["python", "-m", "flows.run", deployment]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def switch_off(self, automation: str) -> None:
        """Pause an automation of the Prefect server."""
        self.run("python", "-c", SWITCH_OFF, automation)

    def meter(self, *arguments: str, check: bool = True) -> dict[str, Any]:
        return self.run("meter", *arguments, "--json", check=check).json()

    def sql(self, statement: str, database: str = "meter") -> str:
        command = ["psql", "-U", "postgres", "-d", database, "-Atc", statement]
        return self.namespace.kubectl("exec", f"{self.release}-postgres-0", "--", *command).out.strip()

    def served_versions(self) -> set[str | None]:
        """The model that each serving pod answers with, asked one by one."""
        listed = self.run("python", "-c", POD_IPS, f"{self.release}-serving-grpc").json()
        cards = [self.run("python", "-c", ASK, f"http://{ip}:5501/v1/model") for ip in listed]
        return {card.json().get("model_version") for card in cards}

    @contextmanager
    def load(self, connections: int = 4, per_second: int = 40, tries: int = 1, readings: int = 1) -> Iterator[Load]:
        """Ask for predictions all the time; `seen` is filled at the end."""
        self.run("rm", "-f", "/tmp/stop")
        command = ["kubectl", "--namespace", self.namespace.name, "exec", "--stdin", f"job/{self.job}", "--"]
        command += ["python", "-", f"http://{self.release}-serving:5501"]
        command += map(str, (connections, per_second, tries, readings))
        with CLIENT.open() as script:
            process = subprocess.Popen(command, stdin=script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        load = Load(process)
        time.sleep(1)
        try:
            yield load
        finally:
            self.run("touch", "/tmp/stop")
            out, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        load.seen = json.loads(out)
