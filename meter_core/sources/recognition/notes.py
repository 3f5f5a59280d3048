"""What was recognised in a file, and what stays unsure and why."""

from dataclasses import dataclass, field


@dataclass
class Notes:
    """What is found on the way.

    Attributes:
        recognised: What -> what it is, in words, in the order of finding.
        unsure: Key of the profile -> why nobody can tell, and what to do.
    """

    recognised: dict[str, str] = field(default_factory=dict)
    unsure: dict[str, str] = field(default_factory=dict)

    def sure(self, what: str, words: str) -> None:
        """Note what was recognised."""
        self.recognised[what] = words

    def doubt(self, key: str, why: str) -> None:
        """Note what nobody can tell of a key of the profile."""
        self.unsure[key] = f"{self.unsure[key]}; {why}" if key in self.unsure else why
