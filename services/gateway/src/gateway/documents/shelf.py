"""The services' OpenAPI documents, fetched, kept, and merged; a service that is down keeps its last one."""

import asyncio
import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import orjson

from gateway.documents.merge import Document, merged
from plantkit.clock import utc_now

FRESH_S = 15.0
INCOMPLETE_S = 1.0
"""How soon it looks again while a service's document is missing or old."""
TITLE = "Takt"
ABOUT = (
    "The event backbone of a plant. Sign in with **Authorize**, then try any operation. "
    "Errors are RFC 9457 problem documents with a stable `code`; lists are paged by cursor; changes need `If-Match`."
)


@dataclass(frozen=True)
class Kept:
    """One service's document as it was last seen."""

    document: Document
    seen_at: datetime
    is_current: bool = True


@dataclass(frozen=True)
class Printed:
    """The merged document, ready to send."""

    body: bytes
    etag: str


class Shelf:
    """Fetches at most every 15 s, all services at once; sooner while one of them does not answer."""

    def __init__(
        self, base_urls: Mapping[str, str], own: str, own_document: Callable[[], Document], version: str
    ) -> None:
        self._base_urls, self._own, self._own_document, self._version = dict(base_urls), own, own_document, version
        self._kept: dict[str, Kept] = {}
        self._printed: Printed | None = None
        self._look_again_at = -math.inf
        self._looking = asyncio.Lock()

    async def printed(self) -> Printed:
        """The merged document, not older than 15 s where the services answer."""
        async with self._looking:
            if self._printed is None or time.monotonic() >= self._look_again_at:
                await self._look()
                self._printed = self._print()
                self._look_again_at = time.monotonic() + (FRESH_S if self._is_complete() else INCOMPLETE_S)
            return self._printed

    async def _look(self) -> None:
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            names = list(self._base_urls)
            found = await asyncio.gather(*(_document(client, self._base_urls[name]) for name in names))
        for name, document in zip(names, found, strict=True):
            self._keep(name, document)

    def _keep(self, name: str, document: Document | None) -> None:
        last = self._kept.get(name)
        if document is not None:
            self._kept[name] = Kept(document, utc_now())
        elif last is not None:
            self._kept[name] = Kept(last.document, last.seen_at, is_current=False)

    def _is_complete(self) -> bool:
        return not any(self._note(name) for name in self._base_urls)

    def _print(self) -> Printed:
        documents = {self._own: self._own_document(), **{name: kept.document for name, kept in self._kept.items()}}
        whole = merged(self._info(), documents, own=self._own)
        body = orjson.dumps(whole)
        return Printed(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    def _info(self) -> dict[str, Any]:
        notes = [self._note(name) for name in self._base_urls]
        about = "\n\n".join([ABOUT, *(f"**{note}**" for note in notes if note)])
        return {"title": TITLE, "version": self._version, "description": about}

    def _note(self, name: str) -> str:
        kept = self._kept.get(name)
        if kept is None:
            return f"The service {name} has not answered yet; its operations are missing here."
        if kept.is_current:
            return ""
        return (
            f"The service {name} does not answer; its operations are shown as of {kept.seen_at:%Y-%m-%d %H:%M:%S} UTC."
        )


async def _document(client: httpx.AsyncClient, base_url: str) -> Document | None:
    try:
        answer = await client.get(f"{base_url.rstrip('/')}/openapi.json")
        answer.raise_for_status()
        document = answer.json()
    except (httpx.HTTPError, ValueError):
        return None
    return document if isinstance(document, dict) and isinstance(document.get("paths"), dict) else None
