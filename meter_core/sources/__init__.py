"""Source profiles, and delivered files read into frames."""

from meter_core.sources.catalog import load_profile, profile_names, template_csv
from meter_core.sources.delivery import Delivery, DeliveryReader, Part, read_delivery
from meter_core.sources.errors import SourceError, UnreadableDeliveryError, WrongSourceError
from meter_core.sources.profile import Kind, Profile, Stamp
from meter_core.sources.raw import raw_lines

__all__ = [
    "Delivery",
    "DeliveryReader",
    "Kind",
    "Part",
    "Profile",
    "SourceError",
    "Stamp",
    "UnreadableDeliveryError",
    "WrongSourceError",
    "load_profile",
    "profile_names",
    "raw_lines",
    "read_delivery",
    "template_csv",
]
