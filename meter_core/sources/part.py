"""Some values of a delivery, on their way."""

from dataclasses import dataclass, field

import pandas as pd

from meter_core.sources.records import RawLines


@dataclass(frozen=True, eq=False)
class Part:
    """Some values of a delivery.

    Attributes:
        frame: As `Delivery.frame`; the index says where each value stands in the file, from 0.
        raw_lines: Gives its lines as delivered, without their line ends; IndexError for a line of another part.
    """

    frame: pd.DataFrame
    raw_lines: RawLines = field(repr=False)
