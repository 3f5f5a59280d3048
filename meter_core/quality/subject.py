"""Which delivery is judged, for messages and pages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """A delivery, named.

    Attributes:
        file_name: Its name, without folder.
        file_digest: SHA-256 of the file as delivered.
        profile: Name of the source profile it was read by.
        zone: IANA zone of its meters.
        lines: Delivered lines of data.
    """

    file_name: str
    file_digest: str
    profile: str
    zone: str
    lines: int
