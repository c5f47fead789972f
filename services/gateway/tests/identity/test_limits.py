"""One source cannot keep the hashing threads busy."""

import pytest

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def more_settings() -> dict[str, object]:
    return {"sign_ins_per_minute": 5}


async def test_a_source_that_tries_too_often_is_told_so_before_any_hashing(anonymous):
    bodies = [{"username": f"user-{number}", "password": "x"} for number in range(8)]
    answers = [await anonymous.post("/api/v1/auth/login", json=body) for body in bodies]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert answers[-1].json()["code"] == "auth.too-many-sign-ins"
    assert int(answers[-1].headers["retry-after"]) >= 1
