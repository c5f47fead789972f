"""Watch an import by its stream of progress, through lost connections."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from takt.door import API, Visitor, refusal
from takt.errors import StackError

RESTS = frozenset({"done", "failed", "cancelled", "undone"})
_COME_BACK_S = 0.5
_GIVE_UP_S = 60.0
_QUIET_S = 60.0  # the stream sends a comment at least every 15 s


@dataclass
class Follower:
    """One import, seen by one user."""

    visitor: Visitor
    import_id: str
    _place: str | None = field(default=None, init=False)

    @property
    def path(self) -> str:
        return f"{API}/imports/{self.import_id}"

    def progress(self) -> Iterator[dict[str, Any]]:
        """Every step that is told, until the import rests. Raises StackError when the gateway stays away."""
        heard_at = time.monotonic()
        while time.monotonic() - heard_at < _GIVE_UP_S:
            try:
                for told in self._told():
                    heard_at = time.monotonic()
                    yield told
            except httpx.TransportError:
                pass  # what was lost is asked for again, from where we were
            else:
                if self._rests():
                    return
            time.sleep(_COME_BACK_S)
        raise StackError(f"The gateway did not answer for {_GIVE_UP_S:.0f} s; the import may go on: {self.path}")

    def now(self) -> dict[str, Any]:
        return self.visitor.get(self.path)

    def rows(self, state: str, most: int) -> list[dict[str, Any]]:
        """The first rows in this state, in the order of the sheet."""
        query = {"state": state, "limit": str(min(most, 1000))}
        found: list[dict[str, Any]] = []
        while len(found) < most:
            page = self.visitor.get(f"{self.path}/rows", **query)
            found += page["data"]
            if page["page"]["next"] is None:
                break
            query["cursor"] = page["page"]["next"]
        return found[:most]

    def _rests(self) -> bool:
        """Whether nothing will happen any more by itself: ended, planned as asked, or without a sure target."""
        now = self.now()
        waits = now["state"] == "planned" and now["mode"] == "plan"
        asks = now["state"] == "mapped" and (now["target"] is None or bool(now["suggestions"]))
        return now["state"] in RESTS or waits or asks

    def _told(self) -> Iterator[dict[str, Any]]:
        headers = {**self.visitor.headers, **({} if self._place is None else {"Last-Event-ID": self._place})}
        timeout = httpx.Timeout(30, read=_QUIET_S)
        with self.visitor.client.stream("GET", f"{self.path}/stream", headers=headers, timeout=timeout) as answer:
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self.visitor.sign_in()
                return
            if answer.status_code in {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS}:
                return
            if not answer.is_success:
                answer.read()
                raise StackError(f"The import cannot be followed ({answer.status_code}): {refusal(answer)}")
            yield from self._events(answer.iter_lines())

    def _events(self, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
        """Data of each event; a line of it is one JSON object."""
        for line in lines:
            name, _, value = line.partition(":")
            if name == "id":
                self._place = value.strip()
            elif name == "data":
                yield json.loads(value)
