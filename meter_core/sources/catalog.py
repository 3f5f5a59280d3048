"""The built-in profiles, and profiles from YAML files."""

import difflib
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from meter_core.contracts.readings import CANONICAL_COLUMNS
from meter_core.sources.errors import WrongSourceError
from meter_core.sources.profile import Profile

BUILT_IN = files("meter_core.sources") / "profiles"
TEMPLATE_ROWS = (
    "METER-0001,2025-01-31T23:00:00+01:00,60,0.412,231.4,3.5,0.97,0.48,50.01",
    "METER-0001,2025-02-01T00:00:00+01:00,60,0.385,230.9,3.1,0.96,0.39,",
    "METER-0002,2025-01-31T23:00:00+01:00,60,,,,,,",
)
"""Made up: a full reading, one without frequency, and one whose value is missing."""


def profile_names() -> list[str]:
    """Return the names of the built-in profiles, `canonical` first."""
    names = sorted(entry.name.removesuffix(".yaml") for entry in BUILT_IN.iterdir() if entry.name.endswith(".yaml"))
    return sorted(names, key=lambda name: name != "canonical")


def load_profile(name_or_path: str | Path) -> Profile:
    """Return a built-in profile by its name, or one from a YAML file by its path.

    Raises:
        WrongSourceError: where there is none, or it is not a profile.
    """
    text = str(name_or_path)
    if text in profile_names():
        return parse_profile((BUILT_IN / f"{text}.yaml").read_text(encoding="utf-8"), f"profile {text}")
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"} and not path.is_file():
        raise WrongSourceError(f"there is no source profile {text!r}{_nearest(text)}")
    try:
        return parse_profile(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise WrongSourceError(f"source profile {text}: {reason}; say a built-in name or a YAML file") from error


def template_csv() -> str:
    """Return an example of the `canonical` CSV: the header and three made-up lines."""
    return "\n".join((",".join(CANONICAL_COLUMNS), *TEMPLATE_ROWS)) + "\n"


def _nearest(name: str) -> str:
    """Return how the message about an unknown name goes on."""
    near = difflib.get_close_matches(name, profile_names(), n=1)
    guess = f"; did you mean {near[0]}?" if near else "."
    return f"{guess} Built in: {', '.join(profile_names())}; or say the path of a YAML file (docs/source-profiles.md)"


def parse_profile(text: str, where: str) -> Profile:
    """Return the profile that a YAML text declares.

    Raises:
        WrongSourceError: where it is not YAML or not a profile; names line or field, value and remedy.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise WrongSourceError(f"{where}{line} is not YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(content, dict):
        raise WrongSourceError(
            f"{where} is not a source profile: it has to hold `name:`, `columns:` and so on, "
            "see docs/source-profiles.md"
        )
    try:
        return Profile.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_problem(dict(entry)) for entry in error.errors())
        raise WrongSourceError(f"{where}: {problems} (docs/source-profiles.md lists every key)") from error


def _problem(entry: dict[str, Any]) -> str:
    """Return one validation error as `field: what is wrong (value)`."""
    place = ".".join(str(part) for part in entry["loc"])
    message = str(entry["msg"]).removeprefix("Value error, ")
    if entry["type"] == "extra_forbidden":
        return f"{place}: there is no such key"
    if entry["type"] == "missing":
        return f"{place}: is missing"
    if entry["type"] == "value_error":
        return message
    return f"{place}: {message} (it is {entry['input']!r})"
