"""Files that are refused: by their event, by what is in the inbox, by what they hold, by who uploaded them."""

import pytest

from imports.jobs.consumers import receive_files
from imports.jobs.errors import FileReferenceRefused
from imports.jobs.reading import Chunks
from imports.spreadsheet.model import Batch
from services.imports.tests.jobs.plant import Plant, sheet, wrong_cell
from takt_contracts.imports.jobs import ImportState
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
S = ImportState


@pytest.mark.parametrize(
    "dataref",
    [
        "https://example.com/x.xlsx", "http://inbox/x", "file:///etc/passwd", "/etc/passwd", "../inbox/x",
        "inbox/../secrets/x", "inbox/a/../../x", "inbox/", "inbox", "inboxes/x", "inbox//x", "inbox/./x",
        "inbox/%2e%2e/x", "inbox\\..\\x", "inbox/a\\b", "Inbox/x", "s3://inbox/x", "inbox/x?y", "inbox/x#y",
        "media/x", "inbox/\u202ex", "inbox/a\tb", "",
    ],
)  # fmt: skip
async def test_a_reference_out_of_the_inbox_is_refused_for_good(plant: Plant, dataref: str):
    file = await plant.file(sheet(1))
    wrong = file.model_copy(update={"state": file.state.model_copy(update={"dataref": dataref})})
    with pytest.raises(FileReferenceRefused):
        await plant.deliver(receive_files, wrong)
    assert (await plant.client.get(f"/api/v1/imports/{file.state.id}")).status_code == 404


async def test_two_references_that_differ_are_refused(plant: Plant):
    file = await plant.file(sheet(1))
    with pytest.raises(FileReferenceRefused):
        await plant.deliver(receive_files, file, dataref="inbox/other")
    await plant.deliver(receive_files, file, dataref=file.state.dataref)
    await plant.work()
    assert (await plant.read(file.state.id))["state"] == "committing"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"template": "nonsense"}, "template.unknown"),
        ({"template": None, "target": "nonsense"}, "target.unknown"),
        ({"template": "items", "target": "workplaces"}, "target.unknown"),
        ({"roles": [Role.OPERATOR]}, "import.forbidden"),
        ({"roles": []}, "import.forbidden"),
        ({"template": None, "target": "items", "roles": [Role.VIEWER]}, "import.forbidden"),
    ],
)
async def test_what_cannot_be_imported_fails_at_once_with_its_reason(plant: Plant, fields, code):
    import_id = await plant.upload(sheet(1), **fields)
    found = await plant.read(import_id)
    assert (found["state"], found["reason"]["code"]) == ("failed", code)
    assert await plant.work() == 0
    assert await plant.trace(import_id) == [S.UPLOADED, S.FAILED]
    assert (await plant.read(import_id, "/rows"))["data"] == []


@pytest.mark.parametrize("template", ["items", None])
async def test_an_administrator_may_import_everything(plant: Plant, template):
    assert (await plant.read(await plant.imported(sheet(1), template=template, roles=[Role.ADMIN])))["state"] == "done"


async def test_who_may_not_write_what_the_header_shows_is_told_then(plant: Plant):
    import_id = await plant.imported(sheet(1), template=None, roles=[Role.OPERATOR])
    found = await plant.read(import_id)
    assert (found["state"], found["reason"]["code"]) == ("failed", "import.forbidden")


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"sha256": "0" * 64}, "file.digest-mismatch"), ({"bytes": 5}, "file.digest-mismatch"),
     ({"bytes": 10**9}, "file.digest-mismatch"), ({"dataref": "inbox/2026-03-02/gone"}, "file.missing")],
)  # fmt: skip
async def test_a_file_that_is_not_the_announced_one_is_not_read(plant: Plant, fields, code):
    import_id = await plant.imported(sheet(1), **fields)
    found = await plant.read(import_id)
    assert (found["state"], found["reason"]["code"]) == ("failed", code)
    assert await plant.trace(import_id) == [S.UPLOADED, S.FAILED]


async def test_a_file_that_the_reader_refuses_fails_with_the_readers_reason(plant: Plant):
    import_id = await plant.imported({"target": "items", "refused": ["columns.missing", "No column Code."]})
    assert (await plant.read(import_id))["reason"] == {"code": "columns.missing", "detail": "No column Code."}


async def test_too_many_rows_do_not_take_effect_together(plant: Plant):
    told = sheet(5)
    told["batches"].append({"rows": [[7, "IT-7", "Item 7"]], "rejected": [], "seen": 200_001})
    import_id = await plant.imported(told, atomic=True)
    assert (await plant.read(import_id))["reason"]["code"] == "rows.too-many"


async def test_the_next_good_file_is_served_after_a_bad_one(plant: Plant):
    bad = await plant.upload({"target": "items", "refused": ["parser.died", "The reader died."]})
    good = await plant.upload(sheet(2))
    await plant.work()
    await plant.answer_all(good)
    assert [(await plant.read(one))["state"] for one in (bad, good)] == ["failed", "done"]


def test_each_rejected_row_keeps_a_word_and_none_keeps_too_many():
    chunks = Chunks(row_errors=3, import_errors=5)
    errors = [wrong_cell(row, f"cell.{number}") for row in (2, 3, 4) for number in range(6)]
    chunk = chunks.of(Batch([], errors, 3, [2, 3, 4]))
    kept = [chunk.errors.count(b'"row":%d' % row) for row in (2, 3, 4)]
    assert kept == [3, 2, 1]
    assert (chunk.batch, chunk.first_row, chunk.last_row, chunk.row_count) == (None, 2, 4, 0)
