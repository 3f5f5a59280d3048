"""Resolve the lock files from pyproject.toml: pinned, with hashes, without any download address."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
EXTRAS = {
    "all.txt": ["serve", "rpc", "jobs", "flows", "embedded", "dev"],
    "serve.txt": ["serve"],
    "jobs.txt": ["jobs", "flows"],
}
GROUPS = {"mlflow.txt": "mlflow-server", "prefect.txt": "prefect-server"}
"""Images of other people's servers: without the product and what it needs."""


def compile_lock(name: str, source: list[str]) -> None:
    """Write one lock; every lock but `all.txt` is held to the versions of `all.txt`."""
    command = [sys.executable, "-m", "uv", "pip", "compile", *source, "--quiet"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--custom-compile-command", "make lock", "--output-file", str(FOLDER / name)]
    if name != "all.txt":
        command += ["--constraint", str(FOLDER / "all.txt")]
    subprocess.run(command, check=True, cwd=FOLDER.parent)


def main() -> None:
    """Write all locks, and the one of uv itself."""
    for name, extras in EXTRAS.items():
        compile_lock(name, ["pyproject.toml", *(f"--extra={extra}" for extra in extras)])
    for name, group in GROUPS.items():
        compile_lock(name, ["--group", group])
    lines = (FOLDER / "all.txt").read_text().splitlines(keepends=True)
    start = next(n for n, line in enumerate(lines) if line.startswith("uv=="))
    end = next(n for n, line in enumerate(lines[start:], start) if not line.rstrip().endswith("\\") and n > start)
    own = "".join(lines[start : end + 1])
    (FOLDER / "uv.txt").write_text(f"# uv itself, installed by pip. Written by: make lock\n{own}")


main()
