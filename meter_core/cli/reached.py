"""The database, for as long as a command needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from meter_core.cli.output import Bar, Speaker
from meter_core.settings import Settings


@dataclass(frozen=True, slots=True)
class Reached:
    """A database that answers.

    Attributes:
        settings: Of this call.
        url: Of the database.
        bar: Is told what is being done.
    """

    settings: Settings
    url: SecretStr | str
    bar: Bar


@contextmanager
def database(speaker: Speaker) -> Iterator[Reached]:
    """Have PostgreSQL for as long as the block lasts; the embedded one is brought to this version's schema."""
    from meter_core.embedded import Need, services
    from meter_core.store import Store

    settings = Settings()
    with speaker.progress("starting PostgreSQL") as bar, services(settings, {Need.POSTGRES}, progress=bar) as urls:
        url = urls.database_url or ""
        if settings.database_url is None:
            Store(url).upgrade()
        yield Reached(settings, url, bar)
