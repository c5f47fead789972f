"""The judge of parked records convicts each anomaly that it is for, and nothing else."""

import pytest

from tests.faults.checkers.parked import Raw, kept
from tests.faults.checkers.verdict import Truth

TOPIC = "t"


def raw(offset: int, key: bytes | None, value: bytes = b"v", header: bytes | None = b"h") -> Raw:
    return Raw((TOPIC, 0, offset), key, value, (("name", header),))


TOLD = [raw(0, b"K"), raw(1, b"K", b"{"), raw(2, b"C"), raw(3, b"K"), raw(4, None, b"{"), raw(5, None), raw(6, b"K")]
BAD = {(TOPIC, 0, 1), (TOPIC, 0, 4)}
RIGHT = [TOLD[1], TOLD[3], TOLD[4], TOLD[6]]
PLANTED = {
    "lost": [TOLD[3], TOLD[4], TOLD[6]],
    "passed": [TOLD[1], TOLD[4], TOLD[6]],
    "stranger": [*RIGHT, TOLD[2]],
    "doubled": [*RIGHT, TOLD[4]],
    "disorder": [TOLD[1], TOLD[6], TOLD[3], TOLD[4]],
    "altered": [raw(1, b"K", b"{", None), *RIGHT[1:]],
}


def test_a_right_table_passes() -> None:
    assert kept(TOLD, BAD, RIGHT, least=2).truth is Truth.TRUE


def test_too_few_bad_records_prove_nothing() -> None:
    assert kept(TOLD, BAD, RIGHT, least=3).truth is Truth.UNKNOWN


@pytest.mark.parametrize("kind", PLANTED)
def test_a_wrong_table_is_convicted(kind: str) -> None:
    verdict = kept(TOLD, BAD, PLANTED[kind])

    assert verdict.truth is Truth.FALSE
    assert verdict.kinds == frozenset({kind})


@pytest.mark.parametrize(
    "other",
    [
        RIGHT[0]._replace(key=b"k"),
        RIGHT[0]._replace(value=b"{ "),
        RIGHT[0]._replace(headers=(("nam\ufffd", b"h"),)),
    ],
)
def test_every_part_counts(other: Raw) -> None:
    assert "altered" in kept(TOLD, BAD, [other, *RIGHT[1:]]).kinds
