"""Judges a bundle that Takt gave out about a record. One file, no library, no network: it needs Python 3.9 or newer.

    python offline.py bundle.json [keys.json]

`keys.json` is what `GET /api/v1/audit/keys` answered, fetched and kept by you; without it the keys of the bundle itself
are believed, which proves only that the bundle agrees with itself. Exit code 0: every version in the bundle is, byte
for byte, what was signed. Exit code 1: it is not; the first wrong thing is named.

It shares no code with the service that it judges: canonical JSON (RFC 8785), Merkle proofs (RFC 9162) and Ed25519 (RFC
8032) are written out here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # of -1
Point = tuple[int, int, int, int]  # x, y, z and x * y / z
DOMAIN = b"takt.records.checkpoint.v1\n"


class Wrong(Exception):
    """The first thing in the bundle that is not as it was signed."""


def x_of(y: int, sign: int) -> int | None:
    """The x of a point of the curve from its y; None where there is none."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def added(one: Point, two: Point) -> Point:
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = added(found, point)
        point = added(point, point)
        number >>= 1
    return found


def point_of(raw: bytes) -> Point | None:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x = x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = point_of(BASE_Y.to_bytes(32, "little"))


def is_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Ed25519 as RFC 8032 verifies it."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, half, scalar = point_of(public), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or half is None or BASE is None or scalar >= Q:
        return False
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    one, two = times(scalar, BASE), added(half, times(hashed, key))
    return not (one[0] * two[2] - two[0] * one[2]) % P and not (one[1] * two[2] - two[1] * one[2]) % P


def number_text(value: float) -> str:
    """A double as ECMAScript writes it."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    mantissa, _, power = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0").rstrip("0")
    point = int(power or 0) + len(whole) - (len(whole + fraction) - len((whole + fraction).lstrip("0")))
    sign = "-" if value < 0 else ""
    if -6 < point <= 21:
        if point <= 0:
            return sign + "0." + "0" * -point + digits
        return sign + digits[:point].ljust(point, "0") + ("." + digits[point:] if digits[point:] else "")
    return sign + digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{point - 1:+d}"


def canonical(value: Any) -> str:
    """JSON as RFC 8785 writes it."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return number_text(value)
    return json.dumps(value, ensure_ascii=False)


def root_of(leaf: bytes, index: int, size: int, path: list[str]) -> bytes | None:
    """The root that a leaf and what stands beside its way up lead to (RFC 9162, 2.1.3.2); None: no such way."""
    place, last = index, size - 1
    if not 0 <= index < size:
        return None
    for beside in map(bytes.fromhex, path):
        if last == 0 or len(beside) != 32:
            return None
        if place & 1 or place == last:
            leaf = hashlib.sha256(b"\x01" + beside + leaf).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            leaf = hashlib.sha256(b"\x01" + leaf + beside).digest()
        place, last = place >> 1, last >> 1
    return leaf if last == 0 else None


def keys_of(key_set: Any) -> dict[str, bytes]:
    """Public keys by their id, which follows from the key."""
    found = {}
    for key in key_set["keys"]:
        raw = base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
        found[hashlib.sha256(raw).hexdigest()[:32]] = raw
    return found


def judge_checkpoint(told: Any, keys: dict[str, bytes]) -> None:
    name = f"checkpoint {told['stream']}/{told['number']}"
    public = keys.get(told["key_id"])
    if public is None:
        raise Wrong(name + ": signed by a key that is not known")
    unsigned = {member: value for member, value in told.items() if member != "signature"}
    if not is_signature(public, DOMAIN + canonical(unsigned).encode(), bytes.fromhex(told["signature"])):
        raise Wrong(name + ": the signature is not that of the key")


def judge_entry(proven: Any, checkpoints: Any) -> Any:
    """What was hashed, as JSON, once it has led to a signed root."""
    name = f"entry {proven['stream']}/{proven['seq']}"
    signed = checkpoints.get(proven["stream"])
    if signed is None or proven["path"] is None:
        raise Wrong(name + ": no checkpoint covers it yet; ask for the bundle again in a minute")
    leaf = hashlib.sha256(b"\x00" + proven["link"].encode()).digest()
    if leaf.hex() != proven["hash"]:
        raise Wrong(name + ": the hash is not that of the entry")
    root = root_of(leaf, proven["seq"] - 1, signed["size"], proven["path"])
    if root is None or root.hex() != signed["root"]:
        raise Wrong(name + ": it does not lead to the signed root")
    link = json.loads(proven["link"])
    if (link["stream"], link["seq"]) != (proven["stream"], proven["seq"]):
        raise Wrong(name + ": it was signed in another place")
    return link["entry"]


def judge_version(shown: Any, proven: Any, record: str) -> None:
    """`shown` is what the bundle says, `proven` what was signed."""
    name = f"version {shown['version']}"
    if (proven["subject"], proven["version"]) != (record, shown["version"]):
        raise Wrong(name + ": what was signed is another record or version")
    digest = hashlib.sha256((shown["salt"] + canonical(shown["content"])).encode()).hexdigest()
    if not digest == shown["digest"] == proven["record"]["digest"]:
        raise Wrong(name + ": the content is not what was signed")
    if shown["written_by"] != proven["actor"]["id"]:
        raise Wrong(name + ": somebody else wrote it")


def judge(bundle: Any, keys: dict[str, bytes]) -> tuple[int, int]:
    """Raises Wrong. Answers how many versions and entries are proven."""
    for told in bundle["checkpoints"]:
        judge_checkpoint(told, keys)
    checkpoints = {told["stream"]: told for told in bundle["checkpoints"]}
    if len(bundle["versions"]) != len(bundle["history"]) or not bundle["history"]:
        raise Wrong(f"{len(bundle['history'])} versions are shown, {len(bundle['versions'])} are proven")
    told = [judge_entry(one, checkpoints) for one in bundle["versions"]]
    by_version = {one["version"]: one for one in told if one.get("outcome") == "version"}
    for number, shown in enumerate(sorted(bundle["history"], key=lambda one: one["version"]), 1):
        if shown["version"] != number or number not in by_version:
            raise Wrong(f"version {number}: missing")
        judge_version(shown, by_version[number], bundle["record"])
    for one in bundle["entries"]:
        judge_entry(one, checkpoints)
    return len(bundle["history"]), len(bundle["entries"])


def main(argv: list[str]) -> int:
    if len(argv) not in (2, 3):
        sys.stderr.write(__doc__)
        return 2
    try:
        bundle, key_set = (json.loads(Path(name).read_text("utf-8")) for name in (argv[1], argv[-1]))
        versions, entries = judge(bundle, keys_of(key_set))
    except Wrong as wrong:
        print(f"NOT PROVEN: {wrong}")
        return 1
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
        print(f"NOT PROVEN: this is no bundle: {wrong!r}")
        return 1
    print(f"PROVEN: {versions} versions and {entries} audit entries of record {bundle['record']}")
    if len(argv) == 2:
        print("The keys came with the bundle: compare them with those that you know.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
