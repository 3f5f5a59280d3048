"""An S3 server in a process of its own: moto's, which speaks the protocol over HTTP and keeps objects in memory."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from meter_core.embedded.ports import any_free

START_S = 60
SIGNED_AS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def s3_server(bucket: str) -> Iterator[dict[str, str]]:
    """Yield the variables with which a process reaches a server that holds one empty bucket."""
    port = any_free("127.0.0.1")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _make(f"{address}/{bucket}", process)
            yield {**SIGNED_AS, "AWS_ENDPOINT_URL": address}
        finally:
            process.kill()


def _make(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the S3 server ended"
        try:
            httpx.put(url, trust_env=False).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        return
    raise AssertionError(f"the S3 server did not answer within {START_S} s")
