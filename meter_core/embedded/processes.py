"""Processes that outlive the one that started them: launching, recognising and ending them."""

import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import psutil

MARKER = "METER_EMBEDDED_SERVICE"
"""Environment variable that every started server and its children carry: `<service>:<identity of the home>`."""

_children: dict[int, subprocess.Popen[bytes]] = {}
"""What this process launched itself, so that its ends are collected and leave no zombies."""


def launch(command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> int:
    """Starts a detached process (own session: Ctrl-C here does not reach it) that appends to `log`; gives its pid."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    return process.pid


def identity(pid: int) -> str | None:
    """What tells this process from a later one with the same pid; None when it is gone or only a zombie."""
    _collect(pid)
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return _start_ticks(pid) or str(round(process.create_time()))
    except psutil.NoSuchProcess:
        return None


def machine() -> str:
    """Names this boot and this space of pids: a pid means nothing outside of it."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    if not boot.exists():
        return str(round(psutil.boot_time()))
    return f"{boot.read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"


def _start_ticks(pid: int) -> str | None:
    """The start in clock ticks since boot, which setting the clock does not move (proc(5), stat, field 22)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]


def _collect(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]


def marked(marker: str) -> list[psutil.Process]:
    """Every live process of this user, but this one, whose environment carries `marker`."""
    everybody = (process for process in psutil.process_iter() if process.pid != os.getpid())
    return [process for process in everybody if _marker_of(process) == marker]


def _marker_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARKER)
    except (psutil.Error, OSError):  # somebody else's process, or one that ended meanwhile: not ours
        return None


def parent(process: psutil.Process) -> int | None:
    """The pid of the parent; None when the process has ended."""
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def titled(*, argument: str, uids: Collection[int], title: str | None = None) -> list[psutil.Process]:
    """Live processes of these users with `argument` on the command line, or whose title starts with `title`."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            calls_itself = title is not None and " ".join(words).startswith(title)
            if (calls_itself or argument in words) and process.uids().real in uids:
                found.append(process)
        except psutil.Error:  # ended meanwhile
            continue
    return found


def end(processes: Iterable[psutil.Process], first: signal.Signals, patience_seconds: float) -> None:
    """Sends `first`, waits, and kills what is still there after `patience_seconds`."""
    remaining = [process for process in processes if _send(process, first)]
    remaining = _wait(remaining, patience_seconds)
    remaining = [process for process in remaining if _send(process, signal.SIGKILL)]
    _wait(remaining, 10.0)


def _send(process: psutil.Process, number: signal.Signals) -> bool:
    """Whether the process was there to get the signal."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return False
    return True


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Waits until all have ended or the time is over; gives those that are still there."""
    deadline = time.monotonic() + seconds
    while True:
        processes = [process for process in processes if identity(process.pid) is not None and process.is_running()]
        if not processes or time.monotonic() > deadline:
            return processes
        time.sleep(0.02)
