"""Chains that cannot be read are one sentence, whatever is away; so is a key that is none."""

from secrets import token_hex, token_urlsafe

import pytest

from plantkit.testing.database import copied
from takt.embedded.ports import own_port
from takt.errors import StackError
from takt.verify import judged


def settings(database: str) -> dict[str, str]:
    """The broker is away."""
    return {
        "TAKT_RECORDS_AUDIT_KEY": token_urlsafe(32),
        "TAKT_RECORDS_KAFKA_BOOTSTRAP": f"127.0.0.1:{own_port()}",
        "TAKT_RECORDS_DATABASE_URL": database,
    }


def test_a_database_that_refuses_connections() -> None:
    away = f"postgresql://records:{token_hex(8)}@127.0.0.1:{own_port()}/takt"

    with pytest.raises(StackError, match="cannot be read: "):
        judged(settings(away), ())


@pytest.mark.db
def test_a_broker_that_refuses_connections(postgres_server: str) -> None:
    with copied(postgres_server, "records") as database, pytest.raises(StackError, match="cannot be read: Kafka"):
        judged(settings(database.url("app")), ())


def test_a_retired_key_that_is_none() -> None:
    with pytest.raises(StackError, match=r"--retired-key abc: .*32 bytes in base64url"):
        judged(settings("postgresql://127.0.0.1/takt"), ("abc",))
