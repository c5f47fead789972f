"""Files by key, in a local folder."""

import asyncio
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from plantkit.clock import utc_now
from plantkit.storage import NoSuchObject, Storage, StorageAway


@pytest.fixture
def storage(tmp_path):
    return Storage(f"file://{tmp_path}/objects")


async def whole(storage, key):
    return b"".join([chunk async for chunk in storage.get(key)])


async def pieces(*parts):
    for part in parts:
        yield part


async def test_what_was_put_in_pieces_comes_back_whole(storage):
    await storage.put("inbox/2026-03-02/a", pieces(b"one ", b"two"))

    assert await whole(storage, "inbox/2026-03-02/a") == b"one two"


async def test_a_writer_that_breaks_off_leaves_nothing(storage):
    async def broken():
        yield b"one"
        raise ConnectionResetError

    with pytest.raises((StorageAway, ConnectionResetError)):
        await storage.put("inbox/a", broken())
    with pytest.raises(NoSuchObject):
        await whole(storage, "inbox/a")


@pytest.mark.parametrize("key", ["inbox/none", "../outside", "inbox/../../outside", "/etc/passwd", "http://host/file"])
async def test_no_key_leads_outside(storage, tmp_path, key):
    (tmp_path / "outside").write_bytes(b"secret")

    with pytest.raises(NoSuchObject):
        await whole(storage, key)


async def test_deleting_twice_is_deleting_once(storage):
    await storage.put("inbox/a", b"one")

    await storage.delete("inbox/a")
    await storage.delete("inbox/a")

    with pytest.raises(NoSuchObject):
        await whole(storage, "inbox/a")


async def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "objects").write_bytes(b"a file where the folder should be")

    with pytest.raises(StorageAway):
        await Storage(f"file://{tmp_path}/objects/deeper").put("inbox/a", b"one")


async def test_keys_below_a_prefix_are_told_by_their_age(storage):
    await storage.put("inbox/2026-03-02/a", b"one")
    await storage.put("media/b", b"two")
    now = utc_now()

    async def keys(before):
        return [key async for some in storage.keys("inbox/", before=before) for key in some]

    assert await keys(now + timedelta(minutes=1)) == ["inbox/2026-03-02/a"]
    assert await keys(now - timedelta(minutes=1)) == []


async def test_an_empty_store_has_no_keys(storage):
    assert [some async for some in storage.keys("inbox/", before=utc_now())] == []


KILLED_WHILE_WRITING = """
import asyncio, os, signal, sys
from plantkit.storage import Storage

async def pieces():
    for number in range(120):
        yield b"x" * 100_000
        if number == 110:
            await asyncio.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(Storage(sys.argv[1]).put("inbox/2026-03-02/a", pieces()))
"""


async def test_what_a_killed_writer_left_is_no_object_and_goes_when_it_is_old(storage, tmp_path):
    await storage.put("inbox/2026-03-02/b", b"whole")
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED_WHILE_WRITING, storage.url], timeout=30, check=False
    )
    left = [path.name for path in (tmp_path / "objects").rglob("a*")]

    assert killed.returncode == -signal.SIGKILL
    assert len(left) == 1
    with pytest.raises(NoSuchObject):
        await whole(storage, "inbox/2026-03-02/a")
    assert await storage.forget_unfinished("inbox/", before=utc_now() - timedelta(hours=1)) == 0
    assert await storage.forget_unfinished("inbox/", before=utc_now() + timedelta(minutes=1)) == 1
    assert list((tmp_path / "objects").rglob("a*")) == []
    assert await whole(storage, "inbox/2026-03-02/b") == b"whole"


async def test_what_is_unfinished_in_a_bucket_is_the_bucket_s_to_forget():
    assert await Storage("s3://plant/objects").forget_unfinished("inbox/", before=utc_now()) == 0
