"""Whatever comes twice, late or in another order: the card shows what a plain fold of the same events shows."""

import random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.order_card.rules import cause_of, orders_of
from services.gateway.tests.order_card import story

pytestmark = pytest.mark.db
SECTIONS = ("operations", "ledger", "imports", "records")
_IMPORT = ("file_name", "uploaded_by", "state", "totals", "rows")
_RECORD = ("record_type", "title", "version")


def comparable(card: dict[str, Any]) -> dict[str, Any]:
    """What the fold says too, in its form."""
    totals = {name: float(value) if name.startswith("qty") else value for name, value in card["totals"].items()}
    imports = {one["id"]: {name: one[name] for name in _IMPORT} for one in card["imports"]["data"]}
    records = {one["id"]: {name: one[name] for name in _RECORD} for one in card["records"]["data"]}
    plain = {name: card[name]["data"] for name in ("operations", "ledger")}
    return {"totals": totals, **plain, "imports": imports, "records": records}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_the_card_is_the_fold_of_its_events(deliver, card, seed):
    chance, order = random.Random(seed), f"WO-{uuid4().hex[:12]}"
    told = story.history(order, chance)
    for batch in story.shuffled(told, chance):
        await deliver(*batch)

    shown, wanted = await card(order), story.expected(order, told)

    if wanted is None:
        assert (shown.status_code, shown.json()["code"]) == (404, "order.unknown")
    else:
        assert comparable(shown.json()) == wanted


def test_the_stories_hold_what_can_go_wrong():
    """Else the test above would prove little."""
    stories = [story.history(f"WO-{n}", random.Random(n)) for n in range(60)]
    seen = [story.expected(f"WO-{n}", told) for n, told in enumerate(stories)]
    cards = [one for one in seen if one is not None]

    assert None in seen
    assert all(any(card[name] for card in cards) for name in SECTIONS)
    assert any(one["file_name"] is None for card in cards for one in card["imports"].values())
    assert any(one["file_name"] for card in cards for one in card["imports"].values())


@pytest.mark.parametrize(
    "wrong",
    [
        None, "", "imports/x/rows/1", "imports/0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e/rows/0", "a request",
        "imports/0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e/rows/9999999999", "x/0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e/rows/7",
        "imports/0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e/rows/7/", "imports/0195571F-8C4D-7A10-9B2E-3F4A5B6C7D8E/rows/7",
    ],
)  # fmt: skip
def test_a_cause_that_is_no_row_of_an_import_is_none(wrong):
    assert cause_of(wrong) is None


def test_a_record_is_about_the_orders_it_names_and_those_of_its_operations():
    about = [
        "orders/WO-1",
        "operations/WO-2/0010",
        "operations/WO-2/0020",
        "items/WO-3",
        "orders/WO-4/5",
        "operations/WO-6",
    ]

    assert orders_of(about) == ["WO-1", "WO-2"]
