"""All a serving process needs, in one folder: `python -m bento.build FOLDER`, for `make bento` and `make images`.

The service, the modules of meter_core that it imports, the locked requirements, and the champions of the registry as
copies that stand in while the registry is away. What is not imported is not there: no training, no command line.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import grimp

from bento.champion import PACKAGED, load_champion
from bento.forecast_model import load_forecast_model
from meter_core.contracts.errors import MeterError, RefusedError, UsageError
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.embedded import Need, services
from meter_core.jobs.on_record import require_on_record
from meter_core.registry.rest import ModelRef, Registry, remember
from meter_core.settings import Settings

ROOT: Final = Path(__file__).parents[1]
SERVICE: Final = "bento.service"

LOADERS: Final[dict[str, Callable[[ModelRef, Path], Any]]] = {
    "reading": load_champion,
    "ahead": load_forecast_model,
}
"""What loads, and so tries, the champion of each task."""


def build(target: Path, settings: Settings, champions: bool = True) -> list[ModelRef]:
    """Make the folder anew, and return the versions that were packaged.

    Args:
        target: made; what an earlier build left there is removed first.
        settings: where the registry is, and the database whose table `promotion` decides where one is set.
        champions: whether to package them; without any, a service that starts while the registry is away has no model.

    Raises:
        UsageError: where the folder is there and no earlier build made it.
        RefusedError: where there is no champion for readings (for forecasts there need be none), nobody is on record
            for one, or its files are not the registered ones.
        UnavailableError: where registry or database cannot be reached.
    """
    _clear(target)
    for file in served_files():
        place = target / file.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    (target / PACKAGED.name).mkdir()
    if not champions:
        return []
    with services(settings, {Need.MLFLOW}) as urls:
        uri = urls.mlflow_tracking_uri or ""
        found = [_package(task, uri, settings, target / PACKAGED.name) for task in LOADERS]
    if not found[0]:
        raise RefusedError(f"{REGISTERED_MODELS['reading']} has no champion to package; `meter train` makes one")
    return [ref for ref in found if ref]


def served_files() -> Iterable[Path]:
    """Yield the files of all modules that the service imports, the data that lies beside them, and the locks."""
    graph = grimp.build_graph("meter_core", "bento", exclude_type_checking_imports=True, cache_dir=None)
    modules = {SERVICE, *graph.find_upstream_modules(SERVICE)}
    packages = {parent for module in modules for parent in _parents(module)}
    for name in sorted(modules | packages):
        path = ROOT.joinpath(*name.split("."))
        yield path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for package in sorted(packages):
        yield from ROOT.joinpath(*package.split(".")).glob("*.sql")
    yield from (file for file in (ROOT / "bento").rglob("*") if file.is_file() and file.suffix not in (".py", ".pyc"))
    yield from (ROOT / name for name in ("requirements/serve.txt", "requirements/uv.txt", "LICENSE"))


def _parents(module: str) -> Iterable[str]:
    """Yield the packages a module lies in."""
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


def _clear(target: Path) -> None:
    """Remove an earlier build."""
    if target.exists() and not (target / "bento" / "service.py").is_file() and any(target.iterdir()):
        raise UsageError(f"{target} holds something else than an earlier build; name an empty folder or a new one")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)


def _package(task: str, uri: str, settings: Settings, packaged: Path) -> ModelRef | None:
    """Fetch a task's champion, on record and verified, try it, and leave it where a start looks last; None without."""
    name = REGISTERED_MODELS[task]
    with Registry(uri, name) as registry:
        ref = registry.champion()
        if ref is None:
            return None
        require_on_record(ref, settings.database_url)
        folder = registry.fetch(ref, packaged / name)
    LOADERS[task](ref, folder)
    remember(packaged / name, ref, folder)
    return ref


def main(argv: Sequence[str] | None = None) -> int:
    """Build, and say what was packaged."""
    parser = argparse.ArgumentParser(prog="python -m bento.build", description=__doc__)
    parser.add_argument("target", type=Path, metavar="FOLDER")
    parser.add_argument("--without-champion", action="store_true", help="for a registry of its own, still empty")
    given = parser.parse_args(argv)
    try:
        refs = build(given.target, Settings(), champions=not given.without_champion)
    except MeterError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    sys.stdout.write("".join(f"{given.target}: {ref} ({ref.predictor_digest})\n" for ref in refs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
