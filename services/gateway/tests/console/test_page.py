"""The page at `/` for people who are not signed in."""

import pytest

from gateway.console.routes import verdict
from gateway.console.status import Part, PlantStatus, ServiceStatus, parts_of
from plantkit.clock import utc_now


def status(**states: str) -> PlantStatus:
    services = [ServiceStatus(name=name, about="", status=state, parts=[]) for name, state in states.items()]
    return PlantStatus(plant="test", at=utc_now(), healthy=0, services=services)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (status(operations="healthy", gateway="healthy"), "Everything runs."),
        (status(operations="down", gateway="healthy"), "operations is down."),
        (status(operations="down", gateway="in trouble"), "operations and gateway are in trouble."),
    ],
)
def test_one_sentence_says_how_it_is(found, sentence):
    assert verdict(found) == sentence


def test_a_consumer_behind_is_told_with_its_lag_and_one_in_trouble_is_not_up():
    told = {
        "database": {"status": "up"},
        "messaging": {
            "relay": {"trouble": None},
            "consumers": [{"group": "a.b", "lag": 7, "trouble": None}, {"group": "a.c", "lag": 0, "trouble": "x"}],
        },
    }

    assert parts_of(told) == [
        Part(name="database", up=True),
        Part(name="relay", up=True),
        Part(name="a.b", up=True, detail="7 behind"),
        Part(name="a.c", up=False),
    ]


@pytest.mark.db
async def test_strangers_see_who_runs_and_nothing_of_the_plant(anonymous):
    page = (await anonymous.get("/")).text
    told = (await anonymous.get("/api/v1/status")).json()

    assert all(name in page for name in ("operations", "records", "imports", "gateway", "down"))
    assert [service["status"] for service in told["services"]][:3] == ["down"] * 3
    assert "admin" not in page
