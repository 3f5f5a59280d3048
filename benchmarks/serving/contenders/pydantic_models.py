"""A reading and its answer as users of FastAPI and of BentoML declare them."""

from typing import Any

from pydantic import BaseModel, Field

from meter_core.contracts.features import POSSIBLE_RANGE


def _possible(name: str) -> Any:
    """Return the bounds that the service's own declaration has."""
    low, high = POSSIBLE_RANGE[name]
    return Field(ge=low, le=high)


class Reading(BaseModel):
    """A snapshot."""

    voltage_v: float = _possible("voltage_v")
    temperature_c: float | None = _possible("temperature_c")
    power_factor: float | None = _possible("power_factor")
    load_kw: float = _possible("load_kw")
    frequency_hz: float | None = _possible("frequency_hz")
    local_hour: int = Field(ge=0, le=23)
    local_day_of_week: int = Field(ge=0, le=6)


class Answer(BaseModel):
    """What is asked for."""

    units_kwh: float
    low_kwh: float
    high_kwh: float
    status: str

    @classmethod
    def of(cls, values: tuple[float, float, float, str]) -> "Answer":
        """Return the answer with those values."""
        return cls(**dict(zip(cls.model_fields, values, strict=True)))
