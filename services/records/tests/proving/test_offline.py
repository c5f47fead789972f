"""The offline verifier: it agrees with the standards, and a proof with anything changed in it is refused."""

import base64
import copy
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from records.audit.keys import CheckpointKey, key_set, public_keys
from records.audit.links import BEGINNING, Arrival, hash_of, text_of
from records.audit.tree import Frontier, Place, proof, siblings
from records.proving import offline
from takt_contracts.records import canonical
from takt_contracts.records.checkpoints import Checkpoint

Corruption = Callable[[Any], object]
KEY = CheckpointKey(secrets.token_urlsafe(32))
RECORD = "0195570c-3d4e-7f50-8a61-7b8c9d0e1f2a"
AT = "2026-03-02T06:30:00Z"
WHEN = datetime.fromisoformat(AT)
NUMBERS = [
    0.1,
    1.0,
    -0.0,
    1e21,
    1e20,
    1.5e-7,
    1e-6,
    123456789.125,
    -2.5e30,
    5e-324,
    1.7976931348623157e308,
    4.35,
    100.0,
]


def test_canonical_json_is_the_same_as_the_products() -> None:
    value = {"ü": [1, None, True, '\u2028 " \\ \n'], "\U0001f600": NUMBERS, "\ufb33": {"b": 1, "a": []}}

    assert offline.canonical(value) == canonical.canonical(value)


def test_signatures_are_judged_as_the_library_judges_them() -> None:
    for _ in range(5):
        key, message = Ed25519PrivateKey.generate(), secrets.token_bytes(40)
        public, signature = key.public_key().public_bytes_raw(), key.sign(message)
        assert offline.is_signature(public, message, signature)
        for place in (0, 31, 32, 63):
            bad = bytearray(signature)
            bad[place] ^= 1
            assert not offline.is_signature(public, message, bytes(bad))
        assert not offline.is_signature(public, message + b"x", signature)
        assert not offline.is_signature(secrets.token_bytes(32), message, signature)


@cache
def bundle() -> dict[str, Any]:
    """Three versions among forty entries of others."""
    tree, previous, kept = Frontier(), BEGINNING, dict[Place, str]()
    links, history = [], []
    for seq in range(1, 44):
        version = {5: 1, 17: 2, 43: 3}.get(seq)
        entry: dict[str, Any] = {"at": AT, "actor": {"kind": "user", "id": "q-1"}, "action": "x", "outcome": "version"}
        if version is not None:
            content = None if version == 3 else {"result": "pass", "mm": 40.01 + version}
            salt = f"{version:032x}"
            digest = canonical.digest_of(content, salt)
            history.append(
                {"version": version, "salt": salt, "content": content, "digest": digest, "written_by": "q-1"}
            )
            entry |= {"subject": RECORD, "version": version, "record": {"digest": digest}}
        text = text_of(arrival(seq, entry), "versions", seq, previous, WHEN)
        previous = hash_of(text)
        for level, one in enumerate(tree.add(previous)):
            kept[level, (seq >> level) - 1] = one
        links.append((seq, text, version))
    proven = [
        {
            "stream": "versions",
            "seq": seq,
            "link": text,
            "hash": hash_of(text),
            "path": proof(seq - 1, 43, needed(seq, kept)),
        }
        for seq, text, version in links
        if version is not None
    ]
    checkpoint = KEY.sign(
        Checkpoint(
            source="/plants/test/records", stream="versions", number=1, size=43, root=tree.root, previous=BEGINNING,
            at=WHEN, key_id=KEY.id, signature="0" * 128,
        )
    )  # fmt: skip
    return {
        "format": "takt.records.bundle.v1", "record": RECORD, "history": history, "versions": proven, "entries": [],
        "checkpoints": [checkpoint.model_dump(mode="json")], **key_set(public_keys(KEY)),
    }  # fmt: skip


def needed(seq: int, kept: dict[Place, str]) -> dict[Place, str]:
    return {place: kept[place] for places in siblings(seq - 1, 43) for place in places}


def arrival(seq: int, entry: dict[str, Any]) -> Arrival:
    return Arrival(id=f"00000000-0000-7000-8000-{seq:012d}", source="/plants/test/records", type="t", entry=entry)


def run(tmp_path: Path, told: Any, keys: Any = None) -> tuple[int, str]:
    """As an auditor runs it: Python alone, without any package."""
    (tmp_path / "bundle.json").write_text(json.dumps(told))
    argv = [sys.executable, "-I", "-S", offline.__file__, str(tmp_path / "bundle.json")]
    if keys is not None:
        (tmp_path / "keys.json").write_text(json.dumps(keys))
        argv.append(str(tmp_path / "keys.json"))
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_bundle_is_proven_with_python_alone(tmp_path: Path) -> None:
    assert run(tmp_path, bundle(), key_set(public_keys(KEY))) == (
        0,
        f"PROVEN: 3 versions and 0 audit entries of record {RECORD}\n",
    )


def test_keys_of_another_plant_prove_nothing(tmp_path: Path) -> None:
    stranger = CheckpointKey(secrets.token_urlsafe(32))

    code, said = run(tmp_path, bundle(), key_set(public_keys(stranger)))

    assert (code, said) == (1, "NOT PROVEN: checkpoint versions/1: signed by a key that is not known\n")


def test_one_changed_byte_is_named(tmp_path: Path) -> None:
    told = copy.deepcopy(bundle())
    told["history"][1]["content"]["result"] = "fail"

    assert run(tmp_path, told) == (1, "NOT PROVEN: version 2: the content is not what was signed\n")


def flips(text: str) -> Iterator[str]:
    for place in range(0, len(text), max(1, len(text) // 16)):
        yield text[:place] + ("1" if text[place] == "0" else "0") + text[place + 1 :]


def put(member: str, value: Any) -> Corruption:
    """A member of the proof of version 2."""
    return lambda told: told["versions"][1].__setitem__(member, value)


def signed(member: str, value: Any) -> Corruption:
    return lambda told: told["checkpoints"][0].__setitem__(member, value)


def shown(member: str, value: Any) -> Corruption:
    return lambda told: told["history"][1].__setitem__(member, value)


def of_the_way() -> Iterator[tuple[str, Corruption]]:
    """Of an inclusion proof, as certificate transparency's own tests have them."""
    path, noise = bundle()["versions"][1]["path"], secrets.token_hex(32)
    for number in range(len(path)):
        rest = path[:number], path[number + 1 :]
        yield f"node {number} flipped", put("path", [*rest[0], next(flips(path[number])), *rest[1]])
        yield f"node {number} removed", put("path", [*rest[0], *rest[1]])
        yield f"node {number} doubled", put("path", [*path[: number + 1], *path[number:]])
        yield f"noise before {number}", put("path", [*path[:number], noise, *path[number:]])
    yield "node behind", put("path", [*path, noise])
    yield "empty node behind", put("path", [*path, ""])
    yield "root in front", put("path", [bundle()["checkpoints"][0]["root"], *path])
    yield "reversed", put("path", path[::-1])
    yield "empty", put("path", [])
    yield "none", put("path", None)


def of_the_place() -> Iterator[tuple[str, Corruption]]:
    one, noise = bundle()["versions"][1], secrets.token_hex(32)
    seq = one["seq"]
    for name, value in {"+1": seq + 1, "-1": seq - 1, "^2": seq ^ 2, "x2": seq * 2, "0": 0, "huge": 10**9}.items():
        yield f"index {name}", put("seq", value)
    for size in (42, 44, 86, 21, 1, 0):
        yield f"size {size}", signed("size", size)
    for word, root in (("empty", ""), ("zeroes", "0" * 64), ("noise", noise), ("of a leaf", one["hash"])):
        yield f"root {word}", signed("root", root)
    yield "wrong leaf", put("hash", noise)
    yield "another's link", put("link", bundle()["versions"][0]["link"])
    for number, text in enumerate(flips(one["link"])):
        yield f"link flipped {number}", put("link", text)


def of_what_was_signed() -> Iterator[tuple[str, Corruption]]:
    for number, text in enumerate(flips(bundle()["checkpoints"][0]["signature"])):
        yield f"signature flipped {number}", signed("signature", text)
    said = {
        "previous": "0" * 63 + "1",
        "stream": "operations",
        "number": 2,
        "at": "2026-03-02T06:30:01Z",
        "source": "/",
    }
    for member, value in said.items():
        yield f"checkpoint's {member}", signed(member, value)
    content = {"salt": "0" * 32, "digest": "0" * 64, "version": 4, "written_by": "somebody", "content": {}}
    for member, value in content.items():
        yield f"version's {member}", shown(member, value)
    yield "version left out", lambda told: (told["history"].pop(1), told["versions"].pop(1))
    yield "last left out", lambda told: told["history"].pop()
    yield "nothing shown", lambda told: (told["history"].clear(), told["versions"].clear())
    yield "another record", lambda told: told.__setitem__("record", RECORD[::-1])


CORRUPTIONS = dict([*of_the_way(), *of_the_place(), *of_what_was_signed()])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_proof_is_refused(name: str) -> None:
    told = copy.deepcopy(bundle())
    CORRUPTIONS[name](told)

    with pytest.raises((offline.Wrong, ValueError, KeyError, TypeError)):
        offline.judge(told, offline.keys_of(bundle()))


def test_the_uncorrupted_one_is_not() -> None:
    assert offline.judge(bundle(), offline.keys_of(bundle())) == (3, 0)
    assert len(CORRUPTIONS) >= 80


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": 5}', '{"keys": [{"x": "?"}]}', "null"])
def test_what_is_no_bundle_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "bundle.json").write_text(text)
    argv = [sys.executable, offline.__file__, str(tmp_path / "bundle.json")]

    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.partition(":")[0], done.stderr) == (1, "NOT PROVEN", "")


def test_a_key_is_named_by_itself() -> None:
    forged = {"keys": [{"kid": KEY.id, "x": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}]}

    assert KEY.id not in offline.keys_of(forged)
