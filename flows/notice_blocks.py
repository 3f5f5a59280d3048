"""The notification blocks through which the server tells people: from METER_NOTIFY, or made by hand in Prefect's UI."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from prefect.blocks.core import Block
from prefect.blocks.notifications import CustomWebhookNotificationBlock, MicrosoftTeamsWebhook, SlackWebhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.types import SecretDict
from pydantic import SecretStr

from meter_core.contracts.errors import UsageError

NAME: Final = "meter-notices"
"""How the names of all blocks begin that notices are sent through."""

FROM_SETTINGS: Final = f"{NAME}-setting-"
AS_TEXT: Final = "format=text"
"""Of apprise's mails, which are HTML without line ends else."""

TEAMS_HOSTS: Final = ("logic.azure.com", "api.powerplatform.com")


def block_of(address: str) -> Block:
    """Return the block for an address.

    Args:
        address: `mailtos://user:password@host?from=...&to=...` for mail (`mailto://` without TLS), an incoming webhook
            of Slack or a workflow of Teams, or any other http address, which gets `{"subject", "text"}` as JSON. Each
            of apprise's addresses goes too.

    Raises:
        UsageError: it is no address; the message does not repeat it, since it holds a secret.
    """
    try:
        if any(host in address for host in TEAMS_HOSTS):
            return MicrosoftTeamsWebhook(url=SecretStr(address))
        if address.startswith(("http://", "https://")) and "://hooks.slack" not in address:
            content = {"subject": "{{ subject }}", "text": "{{ subject }}\n{{ body }}"}
            hidden = SecretDict({"address": address})
            return CustomWebhookNotificationBlock(name=NAME, url="{{ address }}", json_data=content, secrets=hidden)
        if address.startswith("mailto"):
            address += ("&" if "?" in address else "?") + AS_TEXT
        # The only block that hands every address on to apprise, mail too; one of our own needs our code in the server.
        return SlackWebhook(url=SecretStr(address))
    except (ValueError, KeyError, TypeError) as error:
        kind = address.partition(":")[0][:20]
        raise UsageError(
            f"METER_NOTIFY holds no address in {kind}:...; say mailtos://user:password@host?from=...&to=..., "
            "or the https address of a webhook"
        ) from error


def save(addresses: Iterable[SecretStr]) -> None:
    """Make the blocks of METER_NOTIFY. Without any, those that an earlier deployment made stay."""
    for number, address in enumerate(addresses, 1):
        block_of(address.get_secret_value()).save(f"{FROM_SETTINGS}{number}", overwrite=True)


def tidy(client: SyncPrefectClient, count: int) -> None:
    """Delete the blocks of earlier, longer settings, and those whose number now has a block of another kind."""
    newest: dict[str, tuple[str, UUID]] = {}
    for each in client.read_block_documents(limit=200):
        name = str(each.name)
        if not name.startswith(FROM_SETTINGS):
            continue
        changed = (str(each.updated), each.id)
        older = min(changed, newest.get(name, changed))
        newest[name] = max(changed, newest.get(name, changed))
        if int(name.removeprefix(FROM_SETTINGS)) > count:
            client.delete_block_document(each.id)
        elif older[1] != newest[name][1]:
            client.delete_block_document(older[1])


def ids(client: SyncPrefectClient) -> tuple[UUID, ...]:
    """Return the ids of all blocks that notices are sent through, by name."""
    found = [each for each in client.read_block_documents(limit=200) if str(each.name).startswith(NAME)]
    return tuple(each.id for each in sorted(found, key=lambda each: str(each.name)))
