"""What the door does not take: the right refusal in the right order, and nothing kept."""

import pytest

from plantkit.ids import new_id

from .conftest import CSV, MOST, XLSX
from .test_handing_in import form, headers

pytestmark = pytest.mark.db
ITEMS = "/api/v1/templates/items/uploads"

CFB = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(500)
UNREAD = {
    "older workbook": ("a.xls", CFB, "upload.wrong-extension"),
    "macros": ("a.xlsm", XLSX, "upload.wrong-extension"),
    "open document": ("a.ods", XLSX, "upload.wrong-extension"),
    "no extension": ("orders", XLSX, "upload.wrong-extension"),
    "only an extension in a folder": (".xlsx/orders", XLSX, "upload.wrong-extension"),
    "older workbook, renamed": ("a.xlsx", CFB, "upload.wrong-content"),
    "with a password": ("secret.xlsx", CFB, "upload.wrong-content"),
    "PDF": ("a.xlsx", b"%PDF-1.7\n", "upload.wrong-content"),
    "PDF as CSV": ("a.csv", b"%PDF-1.7\n%abc", "upload.wrong-content"),
    "picture": ("a.xlsx", b"\x89PNG\r\n\x1a\n" + bytes(50), "upload.wrong-content"),
    "picture as CSV": ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(50), "upload.wrong-content"),
    "web page as workbook": ("a.xlsx", b"<html><table></table></html>", "upload.wrong-content"),
    "web page as CSV": ("a.csv", b"\n <!DOCTYPE html><title>x</title>", "upload.wrong-content"),
    "text as workbook": ("a.xlsx", CSV, "upload.wrong-content"),
    "workbook as CSV": ("a.csv", XLSX, "upload.wrong-content"),
    "NUL in a CSV": ("a.csv", b"a,b\n1,\x002\n", "upload.wrong-content"),
}


@pytest.mark.parametrize("name", UNREAD)
async def test_what_is_no_workbook_is_refused(upload, nothing_kept, name):
    file_name, content, code = UNREAD[name]
    check = await nothing_kept()
    answer = await upload(file_name, content)

    assert (answer.status_code, answer.json()["code"]) == (415, code)
    await check()


@pytest.mark.parametrize(
    "content",
    ["Artikel;Größe\n".encode("latin-1"), b"\xff\xfeI\x00t\x00", b"\xef\xbb\xbfItem\n", b"PKW,1\n", b"a\x1bb\n"],
)
async def test_text_in_any_encoding_is_left_to_the_import(upload, content):
    assert (await upload("A.CSV", content)).status_code == 202


async def test_an_empty_file_is_refused(upload, nothing_kept):
    check = await nothing_kept()
    answer = await upload("a.xlsx", b"")

    assert (answer.status_code, answer.json()["code"]) == (422, "upload.empty")
    await check()


WRONG_FIELDS = {
    "mode": ({"mode": "now"}, "/mode"),
    "atomic": ({"atomic": "perhaps"}, "/atomic"),
    "on_duplicate": ({"on_duplicate": "merge"}, "/on_duplicate"),
    "unknown": ({"colour": "red"}, "/colour"),
    "another target": ({"target": "workplaces"}, "/target"),
}


@pytest.mark.parametrize("name", WRONG_FIELDS)
async def test_a_wrong_field_is_pointed_at_and_nothing_is_kept(upload, nothing_kept, name):
    fields, pointer = WRONG_FIELDS[name]
    check = await nothing_kept()
    answer = await upload("a.csv", CSV, **fields)

    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    await check()


async def test_an_unknown_target_is_pointed_at(upload, nothing_kept):
    check = await nothing_kept()
    answer = await upload("a.csv", CSV, template=None, target="spaceships")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/target")
    await check()


SHAPES = {
    "no file": ([("mode", None, b"plan")], 422),
    "a file without a name": ([("file", "", CSV)], 422),
    "a text where the file should be": ([("file", None, CSV)], 422),
    "two files": ([("file", "a.csv", CSV), ("file", "b.csv", CSV)], 422),
    "a file in another field": ([("file", "a.csv", CSV), ("document", "b.csv", CSV)], 422),
    "a field twice": ([("mode", None, b"plan"), ("mode", None, b"commit"), ("file", "a.csv", CSV)], 422),
    "a long field": ([("mode", None, b"x" * 2000), ("file", "a.csv", CSV)], 400),
    "many parts": ([(f"f{number}", None, b"1") for number in range(20)], 400),
}


@pytest.mark.parametrize("name", SHAPES)
async def test_a_form_of_another_shape_is_refused(admin, nothing_kept, name):
    parts, status = SHAPES[name]
    check = await nothing_kept()
    answer = await admin.post(ITEMS, content=form(parts, "b"), headers=headers("b"))

    assert answer.status_code == status, answer.text
    await check()


BODIES = {
    "no form": (b"{}", "application/json", 415),
    "no content type": (b"", None, 415),
    "no boundary": (form([("file", "a.csv", CSV)], "b"), "multipart/form-data", 400),
    "another boundary": (form([("file", "a.csv", CSV)], "b"), "multipart/form-data; boundary=c", 400),
    "a boundary without end": (b"", f"multipart/form-data; boundary={'b' * 300}", 400),
    "nothing": (b"", "multipart/form-data; boundary=b", 400),
    "cut in the file": (form([("file", "a.csv", CSV)], "b")[:-20], "multipart/form-data; boundary=b", 400),
    "cut in the last line": (form([("file", "a.csv", CSV)], "b")[:-5], "multipart/form-data; boundary=b", 400),
    "a part without a name": (
        b"--b\r\nContent-Type: text/csv\r\n\r\nx\r\n--b--\r\n",
        "multipart/form-data; boundary=b",
        400,
    ),
    "noise": (bytes(range(256)) * 30, "multipart/form-data; boundary=b", 400),
    "a header without end": (b"--b\r\nX: " + b"y" * 9000, "multipart/form-data; boundary=b", 400),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_no_form_is_refused(admin, nothing_kept, name):
    body, kind, status = BODIES[name]
    check = await nothing_kept()
    sent = {"idempotency-key": str(new_id()), **({} if kind is None else {"content-type": kind})}
    answer = await admin.post(ITEMS, content=body, headers=sent)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    await check()


async def test_a_form_with_a_long_tail_behind_its_end_is_refused(admin, nothing_kept):
    check = await nothing_kept()

    async def pieces():
        yield form([("file", "a.csv", CSV)], "b")
        for _ in range(8):
            yield b"x" * 10_000

    answer = await admin.post(ITEMS, content=pieces(), headers=headers("b"))

    assert answer.status_code == 400
    await check()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\plant\\orders.csv", "orders.csv"),
        ("\u202evsc.csv", "vsc.csv"),
        ("two\u2028lines.csv", "two lines.csv"),
        ("  blank   inside.csv ", "blank inside.csv"),
        ("Auftra\u0308ge \u2116 7.csv", "Auftr\u00e4ge \u2116 7.csv"),
    ],
)
async def test_a_file_name_is_a_name_on_one_line_and_never_a_path(upload, objects, sent, kept):
    answer = await upload(sent, CSV)

    assert (answer.status_code, answer.json()["file_name"]) == (202, kept)
    assert not any("passwd" in key or "orders" in key for key in objects())


@pytest.mark.parametrize("sent", ["x" * 300 + ".csv", "\u202e\u200b", "../.."])
async def test_a_file_name_that_is_none_is_refused(upload, nothing_kept, sent):
    check = await nothing_kept()
    answer = await upload(sent, CSV)

    assert answer.status_code in (415, 422), answer.text
    await check()


@pytest.mark.parametrize("sign", [b"\x00", b"\r\n", b"\n"])
async def test_control_signs_in_a_file_name_do_no_harm(admin, sign):
    body = form([("file", "a@b.csv", CSV)], "b").replace(b"@", sign)
    answer = await admin.post(ITEMS, content=body, headers=headers("b"))

    assert answer.status_code in (202, 400, 422), answer.text
    if answer.status_code == 202:
        assert answer.json()["file_name"] == "a b.csv"


async def test_what_is_declared_too_long_is_refused_before_anything_else(anonymous, nothing_kept):
    check = await nothing_kept()
    answer = await anonymous.post(ITEMS, content=b"", headers={"content-length": str(MOST * 2)})

    assert (answer.status_code, answer.json()["code"]) == (413, "request.too-large")
    await check()


async def test_the_order_of_checks(anonymous, signed_in, upload, admin):
    """405, 413, 401, 403, 400, 404, 415, 422: each is answered though all that follow are wrong too."""
    operator, planner = await signed_in("op-order", "VIEWER"), await signed_in("pl-order", "PLANNER")
    unknown = "/api/v1/templates/spaceships/uploads"

    assert (await anonymous.put(unknown, content=b"x" * MOST * 2)).status_code == 405
    assert (await anonymous.post(unknown, content=b"x" * MOST * 2)).status_code == 413
    assert (await anonymous.post(unknown, content=b"x")).status_code == 401
    assert (await operator.post(unknown, content=b"x")).status_code == 403
    assert (await operator.post(ITEMS, content=b"x")).json()["roles"] == ["PLANNER"]
    missing = await planner.post(unknown, content=b"x")
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency.key-missing")
    assert (await planner.post(unknown, content=b"x", headers={"idempotency-key": "1"})).status_code == 404
    assert (await upload("a.pdf", b"", client=planner, colour="red")).status_code == 415
    assert (await upload("a.csv", CSV, client=planner, colour="red")).status_code == 422


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [ITEMS, "/api/v1/uploads"])
async def test_the_whole_path_is_the_door_s(admin, method, path):
    answer = await admin.request(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_somebody_who_may_write_no_template_is_refused(signed_in, upload, nothing_kept):
    viewer = await signed_in("viewer-up", "VIEWER")
    check = await nothing_kept()

    assert (await upload("a.csv", CSV, client=viewer)).status_code == 403
    assert (await upload("a.csv", CSV, client=viewer, template=None)).status_code == 403
    await check()


async def test_a_query_is_not_read(admin):
    answer = await admin.post(f"{ITEMS}?mode=commit", content=b"", headers=headers("b"))

    assert (answer.status_code, answer.json()["code"]) == (400, "query.unknown-name")
