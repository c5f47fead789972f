"""A place in the log as one word."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stream.errors import BadPosition
from gateway.stream.positions import Positions

TOPICS = {"takt.operations.item": 6, "takt.operations.audit": 1}
POSITIONS = Positions("a secret that only the replicas of one stack know")

offsets = st.integers(0, 2**62)
places = st.fixed_dictionaries({name: st.lists(offsets, min_size=n, max_size=n) for name, n in TOPICS.items()})


@given(places)
def test_what_was_written_is_read(found):
    assert POSITIONS.read(POSITIONS.write(found), TOPICS) == found


def test_a_topic_that_is_newer_than_the_position_is_read_from_its_beginning():
    word = POSITIONS.write({"takt.operations.item": [4] * 6})

    assert POSITIONS.read(word, {**TOPICS, "takt.records.record": 2}) == {
        "takt.operations.item": [4] * 6,
        "takt.operations.audit": [0],
        "takt.records.record": [0, 0],
    }


def test_a_topic_that_is_gone_is_left_out():
    word = POSITIONS.write({"takt.operations.item": [1] * 6, "takt.old": [9]})

    assert POSITIONS.read(word, {"takt.operations.item": 6}) == {"takt.operations.item": [1] * 6}


GOOD = POSITIONS.write({"takt.operations.item": [1, 2, 3, 4, 5, 6], "takt.operations.audit": [7]})


@pytest.mark.parametrize(
    "word",
    ["0", "41", "-1", "a b", GOOD[:-1], GOOD + "A", GOOD[:-2] + "xx", GOOD + "=", "ž" * 20, "A" * 20_000,
     Positions("somebody else's secret, which is another one").write({"takt.operations.item": [1] * 6}),
     base64.urlsafe_b64encode(b"\x02" + b"\x00" * 40).decode()],
)  # fmt: skip
def test_a_word_that_we_did_not_write_is_refused(word):
    with pytest.raises(BadPosition):
        POSITIONS.read(word, TOPICS)


def test_every_changed_letter_is_noticed():
    for at in range(len(GOOD)):
        letter = "A" if GOOD[at] != "A" else "B"
        with pytest.raises(BadPosition):
            POSITIONS.read(GOOD[:at] + letter + GOOD[at + 1 :], TOPICS)


def test_another_number_of_partitions_is_another_log():
    with pytest.raises(BadPosition):
        POSITIONS.read(GOOD, {**TOPICS, "takt.operations.item": 12})
