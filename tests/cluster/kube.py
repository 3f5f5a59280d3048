"""A namespace of the cluster that KUBECONFIG names, through kubectl and helm, as an operator reaches it."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "meter"
FORWARDED = re.compile(r"Forwarding from (127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    said: str

    def json(self) -> Any:
        return json.loads(self.out)


def run(*command: str, stdin: str | None = None, seconds: float = 120, check: bool = True) -> Ended:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    ended = Ended(done.returncode, done.stdout, done.stderr)
    assert not (check and ended.status), f"{' '.join(command[:8])} failed:\n{ended.said}{ended.out[-2000:]}"
    return ended


def wait_for(what: str, is_so: Callable[[], Any], seconds: float, every: float = 1.0) -> float:
    """Wait until something is so; return how long it took."""
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() - begun < seconds, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(every)
    return time.monotonic() - begun


@dataclass(frozen=True)
class Namespace:
    """One namespace, restricted."""

    name: str

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = 120, check: bool = True) -> Ended:
        return run("kubectl", "--namespace", self.name, *arguments, stdin=stdin, seconds=seconds, check=check)

    def helm(self, *arguments: str, seconds: float = 480, check: bool = True) -> Ended:
        return run("helm", "--namespace", self.name, *arguments, seconds=seconds, check=check)

    def get(self, *what: str) -> Any:
        return self.kubectl("get", *what, "--output=json").json()

    def pods(self, release: str, component: str) -> list[dict[str, Any]]:
        """The pods of a part of a release that are not on their way out."""
        selector = f"app.kubernetes.io/instance={release},app.kubernetes.io/component={component}"
        found = self.get("pods", f"--selector={selector}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, release: str, component: str) -> list[str]:
        """Names of those of them that are ready."""
        return [pod["metadata"]["name"] for pod in self.pods(release, component) if _is_ready(pod)]

    def kill(self, release: str, component: str) -> str:
        """End one pod without waiting for it to finish; return its name."""
        name = self.ready(release, component)[0]
        self.kubectl("delete", "pod", name, "--grace-period=1", "--wait=false")
        return name

    @contextmanager
    def forwarded(self, service: str, port: int) -> Iterator[str]:
        """Give `host:port` on this machine that leads to a service."""
        command = ["kubectl", "--namespace", self.name, "port-forward", f"service/{service}", f":{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                said = ""
                while not (found := FORWARDED.search(said)):
                    line = process.stdout.readline()
                    assert line, f"kubectl port-forward to {service} ended: {said}"
                    said += line
                yield found.group(1)
            finally:
                process.terminate()

    def state(self) -> str:
        """What a person would look at when something went wrong."""
        parts = [self.kubectl("get", "pods,jobs,pvc", "--output=wide", check=False).out]
        events = self.kubectl("get", "events", "--sort-by=.lastTimestamp", check=False).out
        parts.append("\n".join(events.splitlines()[-25:]))
        listed = self.kubectl("get", "pods", "--output=name", check=False).out.split()
        for pod in listed:
            log = self.kubectl("logs", pod, "--all-containers", "--tail=12", check=False)
            parts.append(f"--- {pod}\n{log.out}{log.said}")
        return "\n".join(parts)


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
