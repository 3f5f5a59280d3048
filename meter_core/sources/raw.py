"""Delivered lines as they are, found again by their number."""

from collections.abc import Iterable
from pathlib import Path

from meter_core.sources.espi_records import espi_lines, is_xml
from meter_core.sources.parquet_records import row_lines
from meter_core.sources.records import lines_of_text
from meter_core.sources.text_lines import PARQUET
from meter_core.sources.unpacking import DeliveredBytes


def raw_lines(path: Path, encoding: str, wanted: Iterable[int]) -> dict[int, str]:
    """Return lines of a delivered file as they are, by number: rows of Parquet as JSON, readings of ESPI as XML.

    Args:
        path: The file, plain, gzip or zstd.
        encoding: Of its text.
        wanted: Numbers of the lines: in text the first line, a header or not, is 1; else the first row or reading.

    Raises:
        UsageError: where the file has no such line.
        WrongSourceError: where there is no such file.
        UnreadableDeliveryError: where the file is broken.
    """
    begin = next(DeliveredBytes(path).unpacked(), b"")
    if begin.startswith(PARQUET):
        return row_lines(path, wanted)
    return espi_lines(path, wanted) if is_xml(begin) else lines_of_text(path, encoding, wanted)
