"""Files of any size, by key, in a local folder or in S3; obstore does it."""

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import Field

from plantkit.errors import Unavailable

StorageUrl = Annotated[
    str,
    Field(
        pattern=r"^(file:///|s3://)[^\s]+$", description="where files are kept: file:///folder or s3://bucket/prefix"
    ),
]
_CHUNK_BYTES = 256 * 1024
_UNFINISHED = re.compile(r"#\d+$")
_PIECES_AT_ONCE = 2
"""Of 5 MiB each: what one file may hold of our memory while it is written."""


class StorageAway(Unavailable):
    """The object store did not answer, or has no room left."""

    code = "storage.unavailable"
    cure = "Repeat the request after the time in Retry-After; nothing was kept of it."


class NoSuchObject(Exception):
    """There is nothing under this key, or it could never be a key."""


@dataclass(frozen=True)
class Storage:
    """One object store. Nothing is connected, and the library not loaded, before the first use."""

    url: str

    @cached_property
    def _store(self) -> Any:
        from obstore.store import from_url  # loaded by processes that keep files only

        return from_url(self.url, mkdir=True) if self.url.startswith("file:") else from_url(self.url)

    async def put(self, key: str, content: AsyncIterable[bytes] | bytes) -> None:
        """Keep it under a key that is new; a reader sees all of it or nothing. Raises StorageAway."""
        import obstore

        try:
            await obstore.put_async(self._store, key, content, max_concurrency=_PIECES_AT_ONCE)
        except (obstore.exceptions.BaseError, OSError) as away:
            raise StorageAway(f"The file could not be kept: {type(away).__name__}.") from away

    async def get(self, key: str) -> AsyncIterator[bytes]:
        """Its content, chunk by chunk. Raises NoSuchObject, StorageAway."""
        import obstore

        try:
            found = await obstore.get_async(self._store, key)
            async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)
        except (FileNotFoundError, ValueError) as missing:
            raise NoSuchObject(key) from missing
        except (obstore.exceptions.BaseError, OSError) as away:
            raise StorageAway(f"The file could not be read: {type(away).__name__}.") from away

    async def delete(self, key: str) -> None:
        """Twice is once. Raises StorageAway."""
        import obstore

        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except (obstore.exceptions.BaseError, OSError) as away:
            raise StorageAway(f"The file could not be deleted: {type(away).__name__}.") from away

    async def keys(self, prefix: str, *, before: datetime) -> AsyncIterator[list[str]]:
        """Keys below a prefix that were last written before then, some at a time. Raises StorageAway."""
        import obstore

        try:
            async for found in obstore.list(self._store, prefix):
                yield [str(one["path"]) for one in found if one["last_modified"] < before]
        except (obstore.exceptions.BaseError, OSError) as away:
            raise StorageAway(f"The files could not be listed: {type(away).__name__}.") from away

    async def forget_unfinished(self, prefix: str, *, before: datetime) -> int:
        """Remove what writers left that were killed in the middle; no key names it. In S3 a rule of the bucket does."""
        if not self.url.startswith("file:"):
            return 0
        folder = Path(unquote(urlsplit(self.url).path)) / prefix
        return await asyncio.to_thread(_remove_unfinished, folder, before.timestamp())


def _remove_unfinished(folder: Path, before: float) -> int:
    """The store writes `<key>#<number>` and renames it at the end."""
    old = [path for path in folder.rglob("*#*") if _UNFINISHED.search(path.name) and path.stat().st_mtime < before]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
