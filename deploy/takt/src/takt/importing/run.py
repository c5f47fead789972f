"""From a file's path to an exit code."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from takt.door import Visitor, Where, credentials, sign_in
from takt.errors import StackError
from takt.importing import show
from takt.importing.follow import Follower
from takt.importing.send import Wishes, send
from takt.terminal import console

CLEAN, NOT_CLEAN, NOT_STARTED, LEFT = 0, 1, 2, 130
_SHOWN_ROWS = 20
_ALL_ROWS = 10_000
_FINE = frozenset({"done", "planned"})


def run(file: Path, wishes: Wishes, where: Where, *, as_json: bool) -> int:
    """0: everything landed. 1: rows were rejected, or the import failed. 2: there is no import. 130: left alone."""
    try:
        url, username, password = credentials(where)
        with httpx.Client(base_url=url, timeout=60, trust_env=where.url is not None) as client:
            return _imported(sign_in(client, username, password), file, wishes, as_json=as_json)
    except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as away:
        return _say(f"Nobody answers at {where.url or where.data}: {away}")
    except StackError as refused:
        return _say(str(refused))


def _imported(visitor: Visitor, file: Path, wishes: Wishes, *, as_json: bool) -> int:
    follower = Follower(visitor, send(visitor, file, wishes)["id"])
    try:
        show.watched(console(errors=True), follower.progress())
        ended = follower.now()
        rejected = follower.rows("rejected", _ALL_ROWS if as_json else _SHOWN_ROWS) if _has_rejected(ended) else []
    except KeyboardInterrupt:
        address = str(visitor.client.base_url).rstrip("/") + follower.path
        _say(f"The import goes on without you: GET {address}")
        return LEFT
    except (StackError, httpx.TransportError) as lost:
        _say(f"{lost} The import {follower.import_id} goes on.")
        return NOT_CLEAN
    _tell(ended, rejected, as_json=as_json)
    return CLEAN if is_clean(ended) else NOT_CLEAN


def is_clean(ended: dict[str, Any]) -> bool:
    return ended["state"] in _FINE and not ended["totals"]["rejected"] and not ended["totals"]["stale"]


def _has_rejected(ended: dict[str, Any]) -> bool:
    return bool(ended["totals"]["rejected"])


def _tell(ended: dict[str, Any], rejected: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"import": ended, "rejected": rejected}, indent=2) + "\n")
        return
    out: Console = console()
    show.totals(out, ended)
    show.refused(out, rejected, ended["totals"]["rejected"])


def _say(sentence: str) -> int:
    sys.stderr.write(f"takt: {sentence}\n")
    return NOT_STARTED
