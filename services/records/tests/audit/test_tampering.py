"""Whatever is done to a chain without the key is found, and the first bad entry is named; the untouched one passes."""

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import uuid4

import pytest

from records.audit.judging import Finding, Judge, about_checkpoints
from records.audit.keys import CheckpointKey, public_keys
from records.audit.links import BEGINNING, Arrival, columns_of, hash_of, text_of
from records.audit.model import stored
from records.audit.tree import Frontier
from services.records.tests.audit.probes import OTHER, STREAM, WAYS, Chain, Copy, with_checkpoints
from takt_contracts.records.checkpoints import Checkpoint

KEY = CheckpointKey(secrets.token_urlsafe(32))
KEYS = public_keys(KEY)
START = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
SIZES = (20, 41, 60)
PLACES = {"first": 0, "middle": 29, "last": SIZES[-1] - 1, "boundary": SIZES[0] - 1, "behind boundary": SIZES[0]}


def made(stream: str, entries: int) -> tuple[Chain, list[Checkpoint]]:
    tree, previous = Frontier(), BEGINNING
    chain: Chain = []
    told: list[Checkpoint] = []
    for number in range(1, entries + 1):
        at = START + timedelta(seconds=number)
        text = text_of(arrival(stream, number, at), stream, number, previous, at)
        previous = hash_of(text)
        chain.append(columns_of(text, tree.add(previous)))
        if number in SIZES:
            told.append(signed(stream, told, number, tree.root))
    return chain, told


def arrival(stream: str, number: int, at: datetime) -> Arrival:
    entry = {
        "id": str(uuid4()), "at": at.isoformat(), "actor": {"kind": "user", "id": f"u-{number % 7}"},
        "action": "operations.operation.reported", "outcome": "changed", "resource": "operation",
        "subject": f"WO-{number}/0010", "version": number, "request_id": f"r-{number}", "changes": {"qty_good": "5"},
    }  # fmt: skip
    return Arrival(
        id=str(uuid4()), source=f"/plants/test/{stream}", type=f"takt.{stream}.audit.recorded.v1", entry=entry
    )


def signed(stream: str, before: Sequence[Checkpoint], size: int, root: str) -> Checkpoint:
    previous = before[-1].digest if before else BEGINNING
    return KEY.sign(
        Checkpoint(
            source="/plants/test/records", stream=stream, number=len(before) + 1, size=size, root=root,
            previous=previous, at=START, key_id=KEY.id, signature="0" * 128,
        )
    )  # fmt: skip


@cache
def plant() -> tuple[dict[str, Chain], dict[str, list[Checkpoint]]]:
    chains, told = {}, {}
    for stream in (STREAM, OTHER):
        chains[stream], told[stream] = made(stream, SIZES[-1])
    return chains, told


def untouched() -> Copy:
    chains, told = plant()
    return Copy(chains, {stream: [stored(one) for one in some] for stream, some in told.items()})


def findings(copy: Copy, published: Sequence[Checkpoint] = (), judging: type[Judge] = Judge) -> Iterator[Finding]:
    """What `takt verify` would say."""
    for stream, chain in copy.entries.items():
        ours = [one for one in published if one.stream == stream]
        kept, found = about_checkpoints(stream, copy.checkpoints[stream], ours, KEYS)
        judge = judging(stream, kept)
        found = found or next((said for row in chain if (said := judge.judge(row))), None) or judge.end()
        if found is not None:
            yield found


def test_the_untouched_copy_passes() -> None:
    published = [one for told in plant()[1].values() for one in told]

    assert list(findings(untouched(), published)) == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_tampering_with_an_entry_is_found_and_the_first_bad_one_is_named(way: str, place: str) -> None:
    copy, at = untouched(), PLACES[place]
    WAYS[way](copy, at)

    [first, *_] = [one for one in findings(copy) if one.stream == STREAM]

    assert first.entry is not None, first
    assert_names(first.entry, way, at)


def assert_names(entry: int, way: str, at: int) -> None:
    """The entry itself; of a chain computed anew, the first that the last good checkpoint does not cover."""
    if way.endswith("computed anew"):
        touched = min(at, at - 1 if at else at) if way.startswith("swapped") else at
        assert entry == max((size for size in SIZES if size <= touched), default=0) + 1
    elif way == "deleted and renumbered":
        assert entry in {max((size for size in SIZES if size <= at), default=0) + 1, SIZES[-1]}
    elif way == "deleted range":
        assert entry == max(0, at - 2) + 1
    else:
        assert entry in {at, at + 1, at + 2}, f"named {entry}, touched {at + 1}"


CHECKPOINTS = dict(with_checkpoints(plant()[1][STREAM]))


@pytest.mark.parametrize("way", CHECKPOINTS)
def test_tampering_with_a_checkpoint_is_found(way: str) -> None:
    copy = untouched()
    copy.checkpoints[STREAM] = CHECKPOINTS[way]

    if way == f"delete {len(SIZES)}":  # the newest one, which only what was published can tell of
        assert list(findings(copy)) == []
    [found] = findings(copy, plant()[1][STREAM])

    assert found.stream == STREAM


@pytest.mark.parametrize("kept", range(len(SIZES)))
def test_a_tail_cut_off_with_its_checkpoints_is_found_by_what_was_published(kept: int) -> None:
    copy = untouched()
    size = SIZES[kept - 1] if kept else 0
    del copy.entries[STREAM][size:], copy.checkpoints[STREAM][kept:]

    assert list(findings(copy)) == []
    [found] = findings(copy, plant()[1][STREAM])
    assert (found.checkpoint, found.what) == (kept + 1, "was published and is not kept")


def test_a_stranger_with_a_key_of_his_own_convinces_nobody() -> None:
    copy, stranger = untouched(), CheckpointKey(secrets.token_urlsafe(32))
    forged = [stored(stranger.sign(one.model_copy(update={"key_id": stranger.id}))) for one in plant()[1][STREAM]]
    copy.checkpoints[STREAM] = forged

    [found] = findings(copy)
    assert found.what == "not signed by a key that we know"


def test_at_least_two_hundred_probes() -> None:
    assert len(WAYS) * len(PLACES) + len(CHECKPOINTS) >= 200


class LooksAtTheEndsOnly(Judge):
    """A planted bug: believes the kept hashes in between, and hashes only the first entry and the last."""

    def _link(self, row: object, number: int) -> str | None:
        if number in {1, SIZES[-1]}:
            return super()._link(row, number)
        hashes = row["hashes"].split(" ")  # type: ignore[index]  # a row, as the judge has it
        self._frontier.add(hashes[0])
        self._previous = hashes[0]
        return None


def test_a_judge_that_looks_at_the_ends_only_is_convicted() -> None:
    assert list(findings(untouched(), judging=LooksAtTheEndsOnly)) == []
    missed = []
    for way in WAYS:
        copy = untouched()
        WAYS[way](copy, PLACES["middle"])
        if not list(findings(copy, judging=LooksAtTheEndsOnly)):
            missed.append(way)

    assert {"flip subject", "flip link", "flip entry.actor.id in the link", "later"} <= set(missed)
