"""The last administrator stays, also when two demote each other. In a database of its own, where that is lost."""

import asyncio

import httpx
import pytest

pytestmark = pytest.mark.db


async def version(admin: httpx.AsyncClient, username: str) -> dict[str, str]:
    return {"if-match": (await admin.get(f"/api/v1/users/{username}")).headers["etag"]}


async def test_two_administrators_who_demote_each_other_leave_one(admin, signed_in, anonymous):
    first, second = await signed_in("chief-1", "ADMIN"), await signed_in("chief-2", "ADMIN")
    of_admin = await version(admin, "admin")
    assert (await first.patch("/api/v1/users/admin", json={"roles": ["VIEWER"]}, headers=of_admin)).status_code == 200

    answers = await asyncio.gather(
        first.patch("/api/v1/users/chief-2", json={"roles": ["VIEWER"]}, headers={"if-match": '"1"'}),
        second.patch("/api/v1/users/chief-1", json={"roles": ["VIEWER"]}, headers={"if-match": '"1"'}),
    )

    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert [answer.status_code for answer in answers] != [200, 200]
