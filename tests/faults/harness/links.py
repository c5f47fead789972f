"""A whole stack whose services reach broker, database and each other through links of ours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from plantkit.db.provision import SERVICES
from takt.embedded.ports import own_port
from takt.stack.folder import DataFolder, Remembered
from tests.e2e.stack import Stack, running_stack
from tests.faults.harness.proxy import Link, Proxy

OWNERS = tuple(service for service in SERVICES if service != "gateway")
SHORTENED = {
    "KAFKA_REQUEST_TIMEOUT_MS": "2000",  # the product's is 15 s: an absence of 10 minutes becomes one of 20 s
    "KAFKA_SESSION_TIMEOUT_MS": "6000",  # the product's is 10 s; the broker takes none below 6 s
}


@dataclass(frozen=True)
class Linked:
    """A running test stack and the links in it, by name: `operations-kafka`, `operations-postgres`, `gateway-records`.

    A stack that somebody else started has no links.
    """

    stack: Stack
    links: Mapping[str, Link] = field(default_factory=dict)


@contextmanager
def linked_stack(*options: str, **environment: str) -> Iterator[Linked]:
    """Up as a test stack with every loop in a process of its own, and down again."""
    with Proxy() as proxy:
        links: dict[str, Link] = {}

        def prepare(data: Path) -> Mapping[str, str]:
            return _prepare(data, proxy, links)

        with running_stack("--test", "--split", *options, prepare=prepare, **environment) as stack:
            yield Linked(stack, links)


def _prepare(data: Path, proxy: Proxy, links: dict[str, Link]) -> Mapping[str, str]:
    """Ports and passwords are fixed before the first start, so that addresses can lead through the links."""
    folder = DataFolder(data)
    folder.make()
    names = ("postgres", "kafka-0", *OWNERS, *(f"{service}-door" for service in SERVICES))
    ports = {name: own_port() for name in names}
    kept = {name: port for name, port in ports.items() if not name.endswith("-door")}
    folder.remember(Remembered("plant-1", 1, kept, test=True))
    for service in SERVICES:
        links[f"{service}-postgres"] = proxy.link(f"{service}-postgres", ports["postgres"])
        links[f"{service}-kafka"] = proxy.link(f"{service}-kafka", ports[f"{service}-door"])
    for owner in OWNERS:
        links[f"gateway-{owner}"] = proxy.link(f"gateway-{owner}", ports[owner])
    return {**_addresses(folder, links), "TAKT_KAFKA_DOORS": ",".join(_doors(links))}


def _addresses(folder: DataFolder, links: Mapping[str, Link]) -> dict[str, str]:
    found = {}
    for service in SERVICES:
        prefix, password = f"TAKT_{service.upper()}_", folder.secret(f"{service}-app")
        database = f"127.0.0.1:{links[f'{service}-postgres'].port}"
        found[f"{prefix}DATABASE_URL"] = f"postgresql://{service}_app:{password}@{database}/takt"
        found[f"{prefix}KAFKA_BOOTSTRAP"] = f"127.0.0.1:{links[f'{service}-kafka'].port}"
        found |= {f"{prefix}{name}": value for name, value in SHORTENED.items()}
    for owner in OWNERS:
        found[f"TAKT_GATEWAY_{owner.upper()}_URL"] = f"http://127.0.0.1:{links[f'gateway-{owner}'].port}"
    return found


def _doors(links: Mapping[str, Link]) -> Iterator[str]:
    for service in SERVICES:
        link = links[f"{service}-kafka"]
        yield f"{service.upper()}={link.target}:{link.port}"
