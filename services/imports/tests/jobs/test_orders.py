"""What people order: mapping, cancelling; and who may."""

import pytest

from imports.jobs.consumers import take_answers
from plantkit.ids import new_id
from services.imports.tests.jobs.plant import Plant, applied, sheet, sums_up
from takt_contracts.imports.jobs import Import, ImportState
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
S = ImportState
PERSON = [{"column": 1, "field": "code"}, {"column": 2, "field": None}]


async def test_without_a_sure_target_an_import_waits_for_a_person(plant: Plant):
    import_id = await plant.upload(sheet(3, target=None), template=None)
    await plant.work()
    found = await plant.read(import_id)
    assert (found["state"], found["target"], found["suggestions"][0]["target"]) == ("mapped", None, "items")
    assert await plant.work() == 0

    answer = await plant.map(import_id, {"target": "items"})

    assert (answer.status_code, answer.json()["target"]) == (200, "items")
    await plant.work()
    await plant.answer_all(import_id)
    assert (await plant.read(import_id))["totals"]["created"] == 3
    states = await plant.trace(import_id)
    assert states == [S.UPLOADED, S.PARSED, S.MAPPED, S.MAPPED, S.VALIDATED, S.PLANNED, S.COMMITTING, S.DONE]


async def test_a_persons_mapping_is_taken_as_it_is(plant: Plant):
    import_id = await plant.upload(sheet(3, target=None), template=None)
    await plant.work()
    body = {"target": "items", "columns": PERSON}
    answer = await plant.map(import_id, body)
    assert [(one["field"], one["by"]) for one in answer.json()["mapping"]] == [("code", "person"), (None, None)]
    await plant.work()
    assert [one["by"] for one in (await plant.read(import_id))["mapping"]] == ["person", None]


async def test_a_mapping_is_refused_where_nobody_asked_for_it(plant: Plant):
    import_id = await plant.upload(sheet(2))
    for _ in range(2):
        answer = await plant.map(import_id, {"target": "items"})
        assert (answer.status_code, answer.json()["code"]) == (409, "import.illegal-transition")
        await plant.work()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"target": "nonsense"}, "import.target-unknown"),
        ({"target": "items", "columns": [{"column": 9, "field": "code"}]}, "import.mapping-unknown"),
        ({"target": "items", "columns": [{"column": 1, "field": "colour"}]}, "import.mapping-unknown"),
        (
            {"target": "items", "columns": [{"column": 1, "field": "code"}, {"column": 2, "field": "code"}]},
            "import.mapping-unknown",
        ),
        ({"target": "items", "columns": [{"column": 0, "field": "code"}]}, "request.invalid"),
        ({}, "request.invalid"),
    ],
)
async def test_a_mapping_that_fits_nothing_is_refused(plant: Plant, body, code):
    import_id = await plant.upload(sheet(2, target=None), template=None)
    await plant.work()
    answer = await plant.map(import_id, body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await plant.read(import_id))["state"] == "mapped"
    await plant.order(import_id, "cancel")


async def test_a_mapping_says_which_version_it_is_based_on(plant: Plant):
    import_id = await plant.upload(sheet(2, target=None), template=None)
    await plant.work()
    path = f"/api/v1/imports/{import_id}/mapping"
    bare = await plant.client.put(path, json={"target": "items"})
    stale = await plant.client.put(path, json={"target": "items"}, headers={"if-match": '"1"'})
    assert [(bare.status_code, bare.json()["code"]), (stale.status_code, stale.json()["code"])] == [
        (428, "resource.precondition-required"), (412, "resource.stale"),
    ]  # fmt: skip
    await plant.order(import_id, "cancel")


async def test_an_order_on_a_version_that_was_left_behind_is_refused(plant: Plant):
    import_id = await plant.imported(sheet(2), mode="plan")
    version = (await plant.read(import_id))["version"]
    stale = await plant.order(import_id, "commit", {}, {"if-match": f'"{version - 1}"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "resource.stale")
    assert (await plant.order(import_id, "commit", {}, {"if-match": f'"{version}"'})).status_code == 200


@pytest.mark.parametrize("step", ["uploaded", "mapped", "planned", "reading"])
async def test_cancelled_while_nothing_is_under_way_it_is_over_at_once(plant: Plant, step: str):
    told = sheet(4, target=None) if step == "mapped" else sheet(4)
    fields = {"mode": "plan", "template": None if step == "mapped" else "items"}
    import_id = await plant.upload(told, **fields)
    if step in ("mapped", "planned"):
        await plant.work()
        await plant.answer_all(import_id)

    answer = await plant.order(import_id, "cancel")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert answer.json()["totals"]["rejected"] == answer.json()["totals"]["rows"] == (4 if step == "planned" else 0)
    assert await plant.work() == 0
    again = await plant.order(import_id, "cancel")
    assert (again.status_code, again.json()["code"]) == (409, "import.illegal-transition")


async def test_cancelled_on_its_way_it_stops_at_the_next_batch(plant: Plant):
    import_id = await plant.upload(sheet(*[2] * 20, rejected=[2]))
    await plant.work()
    sent = await plant.sent(import_id)
    await plant.deliver(take_answers, applied(sent[0]))
    on_the_way = len(await plant.sent(import_id))

    assert (await plant.order(import_id, "cancel")).json()["state"] == "committing"
    await plant.answer_all(import_id)

    found = await plant.read(import_id)
    assert len(await plant.sent(import_id)) == on_the_way
    assert (found["state"], sums_up(found["totals"])) == ("cancelled", True)
    taken = 2 * on_the_way - 1
    assert found["totals"] | {"rows": 40, "created": taken, "rejected": 40 - taken} == found["totals"]
    last = await plant.read(import_id, "/rows/41")
    assert (last["state"], last["errors"][0]["code"]) == ("rejected", "row.not-taken")


async def test_cancelled_when_all_is_on_its_way_it_is_done(plant: Plant):
    import_id = await plant.upload(sheet(2, 2))
    await plant.work()
    assert (await plant.order(import_id, "cancel")).status_code == 200
    await plant.answer_all(import_id)
    assert (await plant.read(import_id))["state"] == "done"


async def test_answers_to_a_cancelled_plan_change_nothing(plant: Plant):
    import_id = await plant.upload(sheet(2, 2), mode="plan")
    await plant.work()
    assert (await plant.order(import_id, "cancel")).json()["state"] == "cancelled"
    await plant.answer_all(import_id)
    assert (await plant.trace(import_id))[-1] is S.CANCELLED


@pytest.mark.parametrize("verb", ["commit", "cancel"])
async def test_only_who_may_write_the_target_gives_orders(plant: Plant, anonymous, token, verb):
    import_id = await plant.imported(sheet(2), mode="plan")

    async def order(*roles: Role) -> tuple[int, str]:
        headers = {"authorization": f"Bearer {token(*roles)}", "idempotency-key": str(new_id())}
        answer = await anonymous.post(f"/api/v1/imports/{import_id}/{verb}", headers=headers)
        return answer.status_code, answer.json().get("code")

    assert await order(Role.VIEWER) == (403, "auth.forbidden")
    assert await order(Role.HEALTH) == (403, "auth.forbidden")
    assert (await order(Role.PLANNER))[0] == 200


async def test_orders_need_a_key_and_an_import(plant: Plant):
    import_id = await plant.imported(sheet(2), mode="plan")
    bare = await plant.client.post(f"/api/v1/imports/{import_id}/commit", json={})
    assert (bare.status_code, bare.json()["code"]) == (400, "idempotency.key-missing")
    for path, method in (("", "get"), ("/rows", "get"), ("/plan", "get"), ("/stream", "get"), ("/rows/2", "get")):
        missing = await getattr(plant.client, method)(f"/api/v1/imports/{new_id()}{path}")
        assert (missing.status_code, missing.json()["code"]) == (404, "resource.not-found")
    assert (await plant.order(new_id(), "commit")).status_code == 404
    assert (await plant.client.put(f"/api/v1/imports/{new_id()}/mapping", json={"target": "items"})).status_code == 404
    assert (await plant.client.put(f"/api/v1/imports/{new_id()}/mapping", json={})).status_code == 404
    assert (await plant.client.get("/api/v1/imports/none")).status_code == 400


async def test_everyone_signed_in_reads(plant: Plant, anonymous, token):
    import_id = await plant.imported(sheet(2))
    headers = {"authorization": f"Bearer {token(Role.VIEWER)}"}
    for path in ("", f"/{import_id}", f"/{import_id}/rows", f"/{import_id}/plan", f"/{import_id}/rows/3"):
        assert (await anonymous.get(f"/api/v1/imports{path}", headers=headers)).status_code == 200
        assert (await anonymous.get(f"/api/v1/imports{path}")).status_code == 401


async def test_imports_are_listed_filtered_and_paged(plant: Plant):
    ids = [str(await plant.imported(sheet(1), uploaded_by="planner-9")) for _ in range(3)]
    ids.append(str(await plant.upload(sheet(1), uploaded_by="planner-9")))
    found = (await plant.client.get("/api/v1/imports", params={"uploaded_by": "planner-9", "limit": 3})).json()
    assert [one["id"] for one in found["data"]] == ids[:3]
    query = {"uploaded_by": "planner-9", "limit": 3, "cursor": found["page"]["next"]}
    assert [one["id"] for one in (await plant.client.get("/api/v1/imports", params=query)).json()["data"]] == ids[3:]
    query = {"uploaded_by": "planner-9", "state": "done", "sort": "-uploaded_at,-id", "fields": "id,totals,reason"}
    done = (await plant.client.get("/api/v1/imports", params=query)).json()["data"]
    assert [one["id"] for one in done] == ids[2::-1]
    assert done[0]["totals"]["created"] == 1
    assert set(done[0]) == {"id", "totals", "reason"}
    every = ",".join(Import.model_fields)
    query = {"uploaded_by": "planner-9", "limit": 1, "fields": every}
    [whole] = (await plant.client.get("/api/v1/imports", params=query)).json()["data"]
    assert whole == await plant.read(ids[0])  # type: ignore[arg-type]  # a text is as good in a path
    for wrong in ({"colour": "x"}, {"sort": "colour"}, {"state": "gone"}):
        assert (await plant.client.get("/api/v1/imports", params=wrong)).status_code == 400
    await plant.order(ids[3], "cancel")  # type: ignore[arg-type]  # a text is as good in a path


async def test_an_unchanged_import_need_not_be_read_again(plant: Plant):
    import_id = await plant.imported(sheet(1))
    path = f"/api/v1/imports/{import_id}"
    first = await plant.client.get(path)
    assert (await plant.client.get(path, headers={"if-none-match": first.headers["etag"]})).status_code == 304


async def test_rows_are_asked_with_their_own_cursors_only(plant: Plant):
    import_id = await plant.imported(sheet(5))
    page = await plant.read(import_id, "/rows", limit=2)
    path = f"/api/v1/imports/{import_id}"
    for tail, query in (("/plan", {}), ("/rows", {"state": "created"})):
        answer = await plant.client.get(path + tail, params={"cursor": page["page"]["next"], **query})
        assert (answer.status_code, answer.json()["code"]) == (400, "query.bad-cursor")
    assert (await plant.client.get(path + "/rows/1")).status_code == 404
    assert (await plant.client.get(path + "/rows/7")).status_code == 404
    assert (await plant.client.get(path + "/rows", params={"state": "strange"})).status_code == 400
