"""A batch inference cut into shards of meters: each by itself, the whole exact however it was cut."""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final

import fsspec

from meter_core.contracts.errors import UnavailableError
from meter_core.jobs.whole_files import write_whole

FILE_NAMES: Final = {"reading": "meter_units_predictions.csv", "ahead": "meter_units_forecasts.csv"}

METERS_A_SHARD: Final = 1_000
"""Of hourly readings they take 1.3 GB (docs/scale.md), within what the chart lets a run use; and little to do again."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the pieces that all meters are cut into.

    Attributes:
        run: Id of the run that it is a part of: runs at the same time write parts of their own.
        number: From 1.
        count: How many there are.
        first: Id of its first meter.
        last: Id of its last one; what is added in between belongs to it.
    """

    run: str
    number: int
    count: int
    first: str
    last: str

    def part(self, out: str, version: str) -> str:
        """Return where its part of a file is written, as a version of the model predicts it."""
        return f"{out}.{self.run}.v{version}.{self.number:05d}-of-{self.count:05d}"


def cut(run: str, meters: Sequence[str], count: int) -> list[Shard]:
    """Cut meters into shards of such as stand together, so that parts joined in order are the whole.

    Args:
        run: Id of the whole run.
        meters: In order.
        count: Of the shards, at most as many as meters; of no meters there is one, without any.
    """
    size = len(meters)
    bounds = [(size * number // count, size * (number + 1) // count) for number in range(count)]
    ends = [(meters[begin], meters[end - 1]) if end > begin else ("", "") for begin, end in bounds]
    return [Shard(run, number, count, *each) for number, each in enumerate(ends, start=1)]


def keep_cut(shards: Sequence[Shard], out: str) -> None:
    """Write down how a run cuts its meters: beside the CSV, since a meter's id stands in no parameter of a run.

    Raises:
        UnavailableError: it cannot be written.
    """
    write_whole(_cut_of(out, shards[0].run), json.dumps([astuple(each) for each in shards]).encode())


def kept_cut(out: str, run: str) -> list[Shard]:
    """Return how a run cuts its meters, none before it has.

    Raises:
        UnavailableError: it cannot be read.
    """
    fs, target = fsspec.core.url_to_fs(_cut_of(out, run))
    try:
        return [Shard(*each) for each in json.loads(fs.cat_file(target))]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnavailableError(f"{target} cannot be read ({error.strerror or error}); run it again") from error


def tidy(out: str, run: str) -> None:
    """Delete what a run that has ended left beside its CSV.

    Raises:
        UnavailableError: it cannot be deleted.
    """
    fs, target = fsspec.core.url_to_fs(out)
    try:
        for path in fs.glob(f"{target}.{run}.*"):
            fs.rm_file(path)
    except OSError as error:
        raise UnavailableError(f"parts of {out} cannot be deleted ({error.strerror or error}); delete them") from error


def _cut_of(out: str, run: str) -> str:
    return f"{out}.{run}.cut"


def shard_count(meters: int, parallel: int) -> int:
    """Return into how many shards meters are cut, so that as many as may run at once have something to do."""
    return max(1, min(meters, max(parallel, math.ceil(meters / METERS_A_SHARD))))


def default_out(files_url: str, task: str, since: datetime | None = None, until: datetime | None = None) -> str:
    """Return where the CSV of a task is, below the root of all files; that of a closed window stands beside it."""
    name = PurePosixPath(FILE_NAMES[task])
    if since and until:
        window = "_".join(f"{each.astimezone(UTC):%Y%m%dT%H%M}" for each in (since, until))
        name = name.with_stem(f"{name.stem}_{window}")
    return f"{files_url.rstrip('/')}/predictions/{name}"


def joined(parts: Sequence[str], out: str) -> None:
    """Join the parts of a CSV, in order, under one header; the whole appears at once, and the parts go.

    Args:
        parts: fsspec URLs or paths.
        out: Likewise.

    Raises:
        UnavailableError: a part cannot be read, or the whole not written.
    """
    fs, target = fsspec.core.url_to_fs(out)
    paths = [fsspec.core.url_to_fs(part)[1] for part in parts]
    try:
        with fs.transaction, fs.open(target, "wb") as whole:
            for number, path in enumerate(paths):
                with fs.open(path, "rb") as part:
                    header = part.readline()
                    if number == 0:
                        whole.write(header)
                    shutil.copyfileobj(part, whole)
        for path in paths:
            fs.rm_file(path)
    except OSError as error:
        raise UnavailableError(
            f"{out} cannot be joined from {len(paths)} parts ({error.strerror or error}); run it again"
        ) from error


def combined(results: Sequence[Mapping[str, Any]], out: str) -> dict[str, Any]:
    """Return the results of all shards as the one of the whole, and join their CSVs.

    Args:
        results: Of each shard in order: the keys of `PredictResult.as_dict`.
        out: Where the whole CSV goes.

    Raises:
        UnavailableError: the parts cannot be joined.
    """
    some = [each for each in results if each["rows"]]
    rows = sum(each["rows"] for each in results)
    if some:
        joined([each["out"] for each in some], out)
    return {
        **results[0],
        "rows": rows,
        "min": min((each["min"] for each in some), default=None),
        "mean": sum(each["mean"] * each["rows"] for each in some) / rows if rows else None,
        "max": max((each["max"] for each in some), default=None),
        "in_training": sum(each["in_training"] for each in results),
        "out": out if some else None,
        "findings": [finding for each in results for finding in each["findings"]],
    }
