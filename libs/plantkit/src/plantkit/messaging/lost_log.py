"""A broker without its log must not be told anything new before it was told the old again."""

from plantkit.messaging.connections import dedicated
from plantkit.messaging.provision import records_held
from plantkit.settings import ServiceSettings

_A_TOPIC = "SELECT topic FROM outbox WHERE published_at IS NOT NULL LIMIT 1"


class LogLost(Exception):
    """The topics are gone or empty, although the archive says that something was told."""


async def refuse_lost_log(settings: ServiceSettings) -> None:
    """Raises LogLost, and what broker or database raise."""
    async with dedicated(settings) as connection:
        topic = await connection.fetchval(_A_TOPIC)
    if topic is None:
        return
    held = await records_held(settings.kafka_bootstrap, [topic])
    if not held.get(topic):
        raise LogLost(f"The log has lost what was told: {topic} is empty. Run `takt replay`.")
