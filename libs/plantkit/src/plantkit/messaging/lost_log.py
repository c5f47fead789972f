"""A broker without its log must not be told anything new before it was told the old again."""

from plantkit.messaging.connections import dedicated
from plantkit.messaging.provision import records_held
from plantkit.settings import ServiceSettings
from takt_contracts import catalog

_A_TOPIC = "SELECT topic FROM outbox_published LIMIT 1"


class LogLost(Exception):
    """The topics are gone or empty, although the archive says that something was told."""


async def refuse_lost_log(settings: ServiceSettings) -> None:
    """Raises LogLost, and what broker or database raise. One topic alone may be empty: it may have been given up."""
    async with dedicated(settings) as connection:
        told = await connection.fetchval(_A_TOPIC)
    if told is None:
        return
    own = {name for name in catalog.topics() if name.split(".")[1] == settings.service}
    held = await records_held(settings.kafka_bootstrap, own | {told})
    if not any(held.values()):
        raise LogLost(f"The log has lost what was told, {told} among it. Run `takt replay`.")
