"""The card over HTTP: who may read it, what it says of its age, and how long it waits for a write."""

import time
from uuid import uuid4

import pytest

from gateway.order_card.consumers import OF_OPERATIONS, TOPICS
from plantkit.http.signing import seal
from plantkit.testing.fixtures import CONSISTENCY_SECRET
from services.gateway.tests.order_card.story import entry, moved, operation, record, record_type

pytestmark = pytest.mark.db
NOBODY = "0195570c-3d4e-7f50-8a61-7b8c9d0e1f2a"


@pytest.fixture
def order() -> str:
    return f"WO-{uuid4().hex[:12]}"


@pytest.fixture
async def looked_at(database):
    """As if the process that feeds the card had looked at these topics so many seconds ago."""

    async def look(age_s: float, *topics: str) -> None:
        async with database.connect() as connection:
            for topic in topics:
                await connection.execute(
                    "INSERT INTO read_model_progress VALUES ('order-card', $1, now() - make_interval(secs => $2), 0, 0,"
                    " 0, now()) ON CONFLICT (model, topic) DO UPDATE SET as_of = excluded.as_of",
                    topic, age_s,
                )  # fmt: skip

    return look


def token(topic: str, subject: str, version: int) -> str:
    return seal(CONSISTENCY_SECRET, "consistency", ["operations", topic, subject, version])


async def test_an_order_is_shown_with_all_that_hangs_on_it(deliver, card, order):
    file, paper = str(uuid4()), str(uuid4())
    booked = entry("opening", "4", 30)
    await deliver(
        record("created", paper, 1, [f"operations/{order}/0020"], record_type="inspection"),
        record_type("inspection", 1, "First inspection"),
        operation("created", order, "0020", 1, cause=f"imports/{file}/rows/9", entry=booked, qty_desired="10"),
        operation("created", order, "0010", 1, cause=f"imports/{file}/rows/8", qty_desired="10", qty_good="0"),
        moved(file, 7, "done", file_name="morning.xlsx", uploaded_by="planner-1"),
    )

    shown = (await card(order)).json()

    assert [one["operation_no"] for one in shown["operations"]["data"]] == ["0010", "0020"]
    assert shown["totals"]["qty_desired"] == "20"
    assert shown["ledger"]["data"] == [booked | {"operation_no": "0020"}]
    [came] = shown["imports"]["data"]
    assert (came["file_name"], came["uploaded_by"], came["state"]) == ("morning.xlsx", "planner-1", "done")
    assert [(row["row"], row["operation_no"], row["fact"]) for row in came["rows"]] == [
        (8, "0010", "created"),
        (9, "0020", "created"),
    ]
    assert came["link"] == f"/api/v1/imports/{file}"
    [known] = shown["records"]["data"]
    assert (known["title"], known["link"]) == ("First inspection", f"/api/v1/records/{paper}")
    assert "content" not in known


async def test_a_health_record_is_on_no_card(deliver, card, order):
    await deliver(
        operation("created", order, "0010", 1),
        record("created", str(uuid4()), 1, [f"orders/{order}"], access_class="health"),
    )

    assert (await card(order)).json()["records"]["data"] == []


async def test_an_order_of_which_nobody_told_is_unknown_and_how_sure_that_is(card, looked_at):
    await looked_at(0, *TOPICS)
    known = await card("WO-NOBODY")
    await looked_at(60, OF_OPERATIONS)
    perhaps = await card("WO-NOBODY")

    assert [(one.status_code, one.json()["code"]) for one in (known, perhaps)] == [(404, "order.unknown")] * 2
    assert [one.json()["stale"] for one in (known, perhaps)] == [False, True]


async def test_each_section_says_how_old_it_is(deliver, card, order, looked_at):
    await deliver(operation("created", order, "0010", 1))
    await looked_at(0, *TOPICS)
    await looked_at(60, OF_OPERATIONS)
    shown = (await card(order)).json()

    stale = {name: shown[name]["stale"] for name in ("operations", "ledger", "imports", "records")}
    assert stale == {"operations": True, "ledger": True, "imports": True, "records": False}
    assert shown["operations"]["as_of"] == shown["imports"]["as_of"] < shown["records"]["as_of"]


async def test_a_model_that_nobody_looked_at_is_stale(deliver, card, order, database):
    await deliver(operation("created", order, "0010", 1))
    async with database.connect() as connection:
        await connection.execute("DELETE FROM read_model_progress")
    shown = (await card(order)).json()

    assert {(shown[name]["as_of"], shown[name]["stale"]) for name in ("operations", "records")} == {(None, True)}


async def test_a_reader_who_has_the_card_is_not_sent_it_again(deliver, card, order, looked_at):
    await deliver(operation("created", order, "0010", 1))
    await looked_at(0, *TOPICS)
    first = await card(order)
    await looked_at(1, *TOPICS)
    again = await card(order, **{"if-none-match": first.headers["etag"]})
    await deliver(operation("updated", order, "0010", 2))
    changed = await card(order, **{"if-none-match": first.headers["etag"]})
    await looked_at(60, *TOPICS)
    old = await card(order, **{"if-none-match": changed.headers["etag"]})

    assert [one.status_code for one in (first, again, changed, old)] == [200, 304, 200, 200]
    assert again.content == b""


async def test_a_read_waits_for_the_write_it_names(deliver, card, order):
    await deliver(operation("created", order, "0010", 1))
    subject = f"{order}/0010"
    seen = await card(order, **{"takt-consistency": token(OF_OPERATIONS, subject, 1)})
    started = time.monotonic()
    behind = await card(order, **{"takt-consistency": token(OF_OPERATIONS, subject, 4)})

    assert seen.status_code == 200
    assert (behind.status_code, behind.json()["code"], behind.json()["behind"]) == (503, "read.not-yet", 3)
    assert behind.headers["retry-after"]
    assert 1.9 < time.monotonic() - started < 20


@pytest.mark.parametrize("topic", TOPICS)
async def test_a_write_that_never_came_is_waited_for_whatever_it_wrote(card, topic):
    subject = {OF_OPERATIONS: "WO-NEVER/0010"}.get(topic, NOBODY)
    missing = await card("WO-NEVER", **{"takt-consistency": token(topic, subject, 2)})

    assert (missing.status_code, missing.json()["behind"]) == (503, 2)


async def test_what_is_on_no_card_is_not_waited_for(deliver, card, order):
    await deliver(operation("created", order, "0010", 1))

    assert (await card(order, **{"takt-consistency": token("takt.operations.item", "A-1", 9)})).status_code == 200


@pytest.mark.parametrize("wrong", ["", "x", "A" * 5000])
async def test_a_token_that_nobody_gave_out_is_malformed(card, wrong):
    refused = await card("WO-1", **{"takt-consistency": wrong})

    assert (refused.status_code, refused.json()["code"]) == (400, "read.bad-consistency-token")


async def test_everybody_who_is_signed_in_may_read_it_and_nobody_else(deliver, order, signed_in, anonymous):
    await deliver(operation("created", order, "0010", 1))
    viewer = await signed_in(f"viewer-{order}".lower(), "VIEWER")

    assert (await viewer.get(f"/api/v1/orders/{order}/card")).status_code == 200
    assert (await anonymous.get(f"/api/v1/orders/{order}/card")).status_code == 401


@pytest.mark.parametrize("wrong", ["WO%00", "%20WO", "W" * 41])
async def test_what_no_order_can_be_called_is_malformed_or_nowhere(card, wrong):
    assert (await card(wrong)).status_code in (400, 404)


async def test_only_reading_is_allowed(admin):
    assert (await admin.post("/api/v1/orders/WO-1/card")).status_code == 405
