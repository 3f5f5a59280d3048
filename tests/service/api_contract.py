"""schemathesis against a running service: requests made from its own description, answers held to it."""

import subprocess
import sys
from pathlib import Path

RULES = Path(__file__).with_name("schemathesis.toml")


def check_api(url: str, seconds: int, seed: int) -> subprocess.CompletedProcess:
    """Try the API for so long; the status is 0 where every answer was as described, and none was 5xx.

    The words go through a pipe as bytes: a body of 10,000 rows may stand in them.
    """
    command = [Path(sys.executable).with_name("schemathesis"), "--no-color", "--config-file", RULES]
    command += ["run", f"{url}/docs.json", "--max-time", str(seconds), "--seed", str(seed), "--warnings", "off"]
    return subprocess.run(command, capture_output=True, timeout=seconds + 120, check=False)
