"""Commands for the service's API keys."""

from typing import Annotated

import typer

from meter_core.cli.output import JsonOption, speaking
from meter_core.contracts.api_keys import ApiKey
from meter_core.settings import Settings

keys_app = typer.Typer(no_args_is_help=True, help="API keys of the service: who may ask, and for which meters.")


@keys_app.command("add", epilog="Example: [bold]meter keys add billing --meter M-17 --meter M-18[/bold]")
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    meter: Annotated[list[str] | None, typer.Option(help="A meter that it may see; again for more. None: all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it, once: only its hash is kept."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.api_keys import add_key

        settings = Settings()
        made = add_key(name, meter or None, settings)
        if not speaker.result(made.as_dict()):
            speaker.facts({"key": made.key, "meters": ", ".join(meter or ["all"]), "file": str(made.file)})
            if settings.api_keys_file is None:
                speaker.say(f"The service asks for keys when it is started with METER_API_KEYS_FILE={made.file}")


@keys_app.command("list", epilog="Example: [bold]meter keys list --json[/bold]")
def list_keys(as_json: JsonOption = False) -> None:
    """List the keys by name; the keys themselves are not known."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.api_keys import keys_file, known_keys

        settings = Settings()
        keys = known_keys(settings)
        if not speaker.result({"file": str(keys_file(settings)), "keys": [_shown(key) for key in keys]}):
            rows = [(key.name, ", ".join(key.meters or ["all"]), key.created_at) for key in keys]
            speaker.table("API keys", ["name", "meters", "made"], rows, numeric_from=3)


@keys_app.command("remove", epilog="Example: [bold]meter keys remove billing[/bold]")
def remove(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    as_json: JsonOption = False,
) -> None:
    """Take a key away; the service refuses it within seconds."""
    with speaking(as_json) as speaker:
        from meter_core.jobs.api_keys import remove_key

        left = remove_key(name, Settings())
        if not speaker.result({"keys": [_shown(key) for key in left]}):
            speaker.facts({"removed": name, "left": ", ".join(key.name for key in left) or "none"})


def _shown(key: ApiKey) -> dict[str, object]:
    return {"name": key.name, "meters": key.meters, "created_at": key.created_at}
