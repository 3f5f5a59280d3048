"""Some values of a delivery, on their way."""

from dataclasses import dataclass, field

import pandas as pd

from meter_core.sources.records import RawLine


@dataclass(frozen=True, eq=False)
class Part:
    """Some values of a delivery.

    Attributes:
        frame: As `Delivery.frame`; the index says where each value stands in the file, from 0.
        raw_line: line -> the line as delivered, without its line end; IndexError for a line of another part.
    """

    frame: pd.DataFrame
    raw_line: RawLine = field(repr=False)
