import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from takt.embedded.kafka import Door
from takt.embedded.ports import is_free, own_port
from takt.errors import StackError
from takt.stack.folder import Remembered
from takt.stack.plan import Options
from takt.stack.ports import choose_port, choose_ports, doors, keep_port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        yield somebody.getsockname()[1]


def test_a_port_is_handed_out_once_though_nobody_listens_on_it_yet() -> None:
    handed = [own_port() for _ in range(500)]

    assert len(set(handed)) == len(handed)
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert max(handed) < int(outgoing[0])


def test_a_port_that_somebody_listens_on_is_passed_over() -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", (before := own_port()) + 1))
        somebody.listen()
        assert own_port() not in (before, before + 1)


def test_a_taken_port_that_was_asked_for_is_refused(taken: int) -> None:
    with pytest.raises(StackError, match=f"Port {taken} is taken"):
        choose_port(taken, None)


def test_a_taken_port_that_was_only_remembered_is_replaced(taken: int) -> None:
    assert choose_port(None, taken) != taken
    assert keep_port(taken) != taken
    assert is_free(keep_port(None))


def test_a_cluster_of_brokers_keeps_its_ports_or_does_not_start(taken: int, tmp_path: Path) -> None:
    options, ports = Options(tmp_path), {"controller-1": taken}

    with pytest.raises(StackError, match=f"Port {taken} of the broker cluster is taken"):
        choose_ports(Remembered("north", 3, dict(ports)), options)
    alone = Remembered("north", 1, {"controller-0": taken})
    choose_ports(alone, options)
    assert alone.ports["controller-0"] != taken
    assert len(set(alone.ports.values())) == len(alone.ports)


def test_a_stack_takes_no_port_that_its_broker_opens_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = range(20_000, 32_000, 2)
    monkeypatch.setenv("TAKT_KAFKA_DOORS", ",".join(f"FAR={port}:9" for port in told))
    choices = Remembered("north", 1, test=True)

    choose_ports(choices, Options(tmp_path, split=True))

    assert choices.ports.keys() > {"postgres", "kafka-0", "controller-0", "operations", "records-relay"}
    assert not {*choices.ports.values()} & {*told}


def test_only_a_test_stack_has_further_doors_to_its_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKT_KAFKA_DOORS", "GATEWAY=20001:20002,RECORDS=20003:20004")
    test = Remembered("north", 1, test=True)

    assert doors(Remembered("north", 1)) == []
    assert doors(test) == [Door("GATEWAY", 20001, 20002), Door("RECORDS", 20003, 20004)]
    monkeypatch.setenv("TAKT_KAFKA_DOORS", "GATEWAY=20001")
    with pytest.raises(StackError, match="TAKT_KAFKA_DOORS is not"):
        doors(test)
