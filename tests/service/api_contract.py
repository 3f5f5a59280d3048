"""schemathesis against a running service: requests made from its own description, answers held to it."""

import subprocess
import sys
import tempfile
from pathlib import Path

RULES = Path(__file__).with_name("schemathesis.toml")


def check_api(url: str, seconds: int, seed: int) -> subprocess.CompletedProcess:
    """Try the API for so long; the status is 0 where every answer was as described, and none was 5xx.

    The words come as bytes: a body of 10,000 rows of anything may stand in them. What it keeps for its next run is
    thrown away.
    """
    command = [Path(sys.executable).with_name("schemathesis"), "--no-color", "--config-file", RULES]
    command += ["run", f"{url}/docs.json", "--max-time", str(seconds), "--seed", str(seed), "--warnings", "off"]
    with tempfile.TemporaryDirectory() as scratch:
        return subprocess.run(command, cwd=scratch, capture_output=True, timeout=seconds + 120, check=False)
