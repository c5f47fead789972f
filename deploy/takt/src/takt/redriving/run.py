"""From ids or a filter to an exit code, through the gateway's API only."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from takt.door import API, Visitor, Where, credentials, refuse, sign_in
from takt.errors import StackError
from takt.redriving import show

DONE, REFUSED = 0, 1
_PARKED = f"{API}/parked"
_SERVICES = ("gateway", "operations", "records", "imports")
_PAGE = 200


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """Which records, and what to do: list them, send them on, or give them up for a reason."""

    ids: Sequence[str] = ()
    filter: Mapping[str, str] = field(default_factory=dict)
    everything: bool = False
    only_list: bool = False
    discard: str | None = None


def run(wishes: Wishes, where: Where) -> int:
    """0: it was done. 1: it was refused, and nothing has changed."""
    try:
        url, username, password = credentials(where)
        with httpx.Client(base_url=url, timeout=60, trust_env=where.url is not None) as client:
            return _run(sign_in(client, username, password), wishes)
    except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as away:
        return _say(f"Nobody answers at {where.url or where.data}: {away}")
    except StackError as refused:
        return _say(str(refused))


def _run(visitor: Visitor, wishes: Wishes) -> int:
    if wishes.only_list:
        show.lines(*_listed(visitor, wishes.filter))
        return DONE
    if wishes.discard is not None:
        return _discard(visitor, wishes)
    if wishes.ids and (wishes.filter or wishes.everything):
        raise StackError("Name records either by id or by what they have in common.")
    if wishes.ids:
        return _redrive_ids(visitor, wishes.ids)
    if not (wishes.filter or wishes.everything):
        raise StackError("Name records by id or by --service, --group, --topic, --key, --reason; or say --all.")
    return _redrive_matching(visitor, wishes.filter)


def _listed(visitor: Visitor, by: Mapping[str, str]) -> tuple[list[dict[str, Any]], list[str]]:
    """All pages, and the services that did not answer at any of them."""
    found: list[dict[str, Any]] = []
    away: set[str] = set()
    query = {**by, "limit": str(_PAGE)}
    while True:
        page = visitor.get(_PARKED, **query)
        found += page["data"]
        away |= {one["service"] for one in page["services"] if not one["answered"]}
        if page["page"]["next"] is None:
            return found, sorted(away)
        query["cursor"] = page["page"]["next"]


def _redrive_ids(visitor: Visitor, ids: Sequence[str]) -> int:
    """All of them are known, and wait, before the first is sent on. Each service takes its own."""
    known = [_known(visitor, id_) for id_ in ids]
    over = [f"{one['id']} is {one['state']}" for one in known if one["state"] not in ("retry", "parked")]
    if over:
        raise StackError(f"Nothing is left to do: {', '.join(over)}.")
    held: dict[str, list[str]] = {}
    for one in known:
        held.setdefault(one["service"], []).append(one["id"])
    show.redriven([_post(visitor, {"ids": ours}) for ours in held.values()])
    return DONE


def _redrive_matching(visitor: Visitor, by: Mapping[str, str]) -> int:
    services = (by["service"],) if "service" in by else _SERVICES
    rest = {name: value for name, value in by.items() if name != "service"}
    show.redriven([_post(visitor, {"filter": {**rest, "service": service}}) for service in services])
    return DONE


def _discard(visitor: Visitor, wishes: Wishes) -> int:
    if len(wishes.ids) != 1:
        raise StackError("Give up one record at a time, by its id.")
    path = f"{_PARKED}/{_known(visitor, wishes.ids[0])['id']}/discard"
    refuse(visitor.ask("POST", path, {"Idempotency-Key": str(uuid4())}, json={"reason": wishes.discard}))
    show.discarded(wishes.ids[0])
    return DONE


def _known(visitor: Visitor, id_: str) -> dict[str, Any]:
    if not _is_id(id_):
        raise StackError(f"{id_!r} is no id of a record: see `takt redrive --list`.")
    return visitor.get(f"{_PARKED}/{id_.lower()}")


def _is_id(text: str) -> bool:
    lengths = [len(part) for part in text.split("-")]
    return lengths == [8, 4, 4, 4, 12] and all(sign in "0123456789abcdefABCDEF-" for sign in text)


def _post(visitor: Visitor, body: Mapping[str, Any]) -> dict[str, Any]:
    return visitor.act(f"{_PARKED}/redrive", body, str(uuid4()))


def _say(sentence: str) -> int:
    sys.stderr.write(f"takt: {sentence}\n")
    return REFUSED


def given(**words: str | None) -> Iterator[tuple[str, str]]:
    """The names of a filter that were given."""
    yield from ((name, word) for name, word in words.items() if word is not None)
