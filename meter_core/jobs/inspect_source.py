"""A look at an unknown file: a source profile is proposed, and the first rows shown as they would be stored."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import AUXILIARY
from meter_core.quality import Limits, check
from meter_core.sources import DeliveryReader
from meter_core.sources.recognition import Proposal, propose

SHOWN_ROWS: Final = 6
READ_ROWS: Final = 200_000
"""So many of the file's first values are read by the proposal and judged."""
ZONE_FOR_SHOW: Final = "UTC"


@dataclass(frozen=True, eq=False)
class SourceInspection:
    """What a file seems to be.

    Attributes:
        proposal: The profile that is proposed, and why.
        rows: The first rows as they would be stored.
        lines: Lines that were read for them.
        values: Delivered values of energy in them.
        quarantined: Code -> how many of these values would be quarantined with it.
        zone: By which local stamps were read; None where nobody said one and UTC stands in.
    """

    proposal: Proposal
    rows: pd.DataFrame
    lines: int
    values: int
    quarantined: dict[str, int]
    zone: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        proposal = self.proposal
        shown = self.rows.assign(
            reading_ts=self.rows["reading_ts"].map(lambda stamp: stamp.isoformat(), na_action="ignore")
        )
        return {
            "profile": proposal.profile.model_dump(mode="json", exclude_unset=True),
            "yaml": proposal.text,
            "recognised": proposal.recognised,
            "unsure": proposal.unsure,
            "unread": list(proposal.unread),
            "built_in": list(proposal.built_in),
            "zone": self.zone,
            "lines": self.lines,
            "values": self.values,
            "quarantined": self.quarantined,
            "rows": shown.astype(object).where(shown.notna(), None).to_dict("records"),
        }


def inspect_source(path: Path, zone: str | None = None, save: Path | None = None) -> SourceInspection:
    """Propose a profile for a file's source, and read the file's beginning by it.

    Args:
        path: The file, plain, gzip or zstd: CSV, JSON lines or Parquet.
        zone: IANA zone of the meters, where it is known.
        save: Where to write the profile.

    Raises:
        UsageError: no such file, or the profile cannot be written.
        UnreadableDeliveryError: no profile can be proposed for the file.
    """
    proposal = propose(path, zone)
    said = proposal.profile.zone
    reader = DeliveryReader(path, proposal.profile, said or ZONE_FOR_SHOW)
    parts: list[pd.DataFrame] = []
    for part in reader.parts():
        parts.append(part.frame)
        if reader.rows >= READ_ROWS:
            break
    frame = pd.concat(parts).sort_index()
    verdict = check(frame, Limits(), path.name)
    if save is not None:
        _save(save, proposal.text)
    return SourceInspection(
        proposal,
        _shown(verdict.frame, reader.zone),
        reader.lines,
        len(frame),
        {str(code): int(count) for code, count in verdict.frame["code"].value_counts().items()},
        said,
    )


def _shown(frame: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Return the first rows, without columns that hold nothing, stamps on the local clock."""
    first = frame.head(SHOWN_ROWS)
    names = ["line", "meter_id", "reading_ts", "interval_minutes", "units_kwh"]
    names += [name for name in AUXILIARY if first[name].notna().any()]
    names += [name for name in ("channel", "quality") if frame[name].nunique() > 1]
    names += ["code"] if first["code"].notna().any() else []
    return first[names].assign(reading_ts=first["reading_ts"].dt.tz_convert(zone))


def _save(save: Path, text: str) -> None:
    """Write a profile where there is none yet.

    Raises:
        UsageError: it cannot be written, or something stands there.
    """
    try:
        with save.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{save} exists already and stays as it is; say another name with --save") from error
    except OSError as error:
        raise UsageError(f"{save} cannot be written: {error.strerror}; say another place with --save") from error
