"""Fetching the broker's files. The registry is stood in for by a function that writes what the test wants."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from takt.embedded.artifacts import Artifact, Meter, fetch, from_registry, locked, missing
from takt.errors import StackError

CONTENT = b"a jar"
JAR = Artifact("kafka", "org.example:jar:1.0", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAKT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Registry:
    def __init__(self, content: bytes = CONTENT) -> None:
        self.content, self.asked = content, 0

    def __call__(self, artifact: Artifact, private: Path, meter: Meter) -> Path:
        self.asked += 1
        path = private / "arrived"
        path.write_bytes(self.content)
        with meter.file(artifact.filename, len(self.content)) as arrived:
            arrived(len(self.content))
        return path


def test_the_lock_names_the_whole_broker_with_digests() -> None:
    jars = locked("kafka")

    assert len(jars) == 46
    assert all(len(jar.sha256) == 64 and jar.bytes > 0 for jar in jars)
    assert 40e6 < sum(jar.bytes for jar in jars) < 50e6


def test_what_is_cached_is_not_fetched_again() -> None:
    registry = Registry()

    first = fetch([JAR], download=registry)
    second = fetch([JAR], download=registry)

    assert (first, registry.asked) == (second, 1)
    assert first[0].read_bytes() == CONTENT


def test_a_truncated_file_in_the_cache_is_fetched_again() -> None:
    [path] = fetch([JAR], download=Registry())
    path.write_bytes(CONTENT[:2])

    assert missing([JAR]) == [JAR]
    fetch([JAR], download=Registry())
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("arrived", [CONTENT[:-1], b"other"], ids=["truncated", "other content"])
def test_a_wrong_digest_is_refused_and_leaves_nothing_behind(arrived: bytes, cache: Path) -> None:
    with pytest.raises(StackError, match="wrong content"):
        fetch([JAR], download=Registry(arrived))

    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_progress_counts_to_the_total_of_what_was_missing() -> None:
    other = replace(JAR, coordinate="org.example:other:1.0", sha256=hashlib.sha256(b"other").hexdigest())
    told: list[tuple[int, int]] = []

    fetch([JAR], download=Registry())
    fetch([JAR, other], lambda _name, done, total: told.append((done, total)), Registry(b"other"))

    assert told == [(5, 5)]


def test_without_a_network_one_sentence_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")

    with pytest.raises(StackError, match="first start needs the network"):
        fetch([JAR], download=from_registry)
