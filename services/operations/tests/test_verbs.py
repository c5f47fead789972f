"""What holds of every verb of this service's resources, whichever slice it stands in."""

import pytest

from services.operations.tests.production.conftest import key

pytestmark = pytest.mark.db

VERBS = ["items/NOBODY/profile", "transport-orders/NOBODY/assign", "work-orders/NOBODY/close"] + [
    f"operations/NOBODY/0010/{verb}" for verb in ("start", "report", "steps", "timers", "profile")
]


@pytest.mark.parametrize("path", VERBS)
async def test_what_is_not_there_is_told_before_a_wrong_body(client, path):
    reply = await client.post(f"/api/v1/{path}", json={"nobody_knows": 1}, headers=key())

    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (404, "resource.not-found")
    assert problem["detail"].startswith(f"There is no {path.split('s/')[0].replace('-', ' ')} NOBODY")
