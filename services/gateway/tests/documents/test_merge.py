"""Several documents as one."""

import json

from gateway.documents.merge import merged


def document(path: str, schema: dict, *, name: str = "Thing", operation: str = "read", **more: object) -> dict:
    answer = {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}
    return {
        "openapi": "3.1.0",
        "paths": {path: {"get": {"operationId": operation, "responses": {"200": answer}, **more}}},
        "components": {"schemas": {name: schema}, "securitySchemes": {"bearer": {}}},
    }


def referred(whole: dict, path: str) -> dict:
    reference = whole["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    found: dict = whole["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    return found


NUMBER, TEXT = {"type": "number"}, {"type": "string"}


def test_a_name_that_two_services_use_differently_keeps_both_meanings():
    whole = merged(
        {}, {"gateway": document("/api/v1/a", NUMBER), "records": document("/api/v1/b", TEXT)}, own="gateway"
    )

    assert referred(whole, "/api/v1/a") == NUMBER
    assert referred(whole, "/api/v1/b") == TEXT
    assert set(whole["components"]["schemas"]) == {"Thing", "RecordsThing"}


def test_equal_schemas_stay_one():
    whole = merged({}, {"gateway": document("/api/v1/a", TEXT), "records": document("/api/v1/b", TEXT)}, own="gateway")

    assert set(whole["components"]["schemas"]) == {"Thing"}


def test_a_schema_that_contains_a_renamed_one_is_renamed_with_it():
    """Else `Box` of records would hold the gateway's `Thing`."""
    first, second = document("/api/v1/a", NUMBER), document("/api/v1/b", TEXT)
    for one in (first, second):
        one["components"]["schemas"]["Box"] = {"items": {"$ref": "#/components/schemas/Thing"}}

    whole = merged({}, {"gateway": first, "records": second}, own="gateway")

    assert whole["components"]["schemas"]["RecordsBox"] == {"items": {"$ref": "#/components/schemas/RecordsThing"}}
    assert whole["components"]["schemas"]["Box"] == {"items": {"$ref": "#/components/schemas/Thing"}}


def test_operation_ids_stay_unique():
    whole = merged({}, {"gateway": document("/api/v1/a", TEXT), "records": document("/api/v1/b", TEXT)}, own="gateway")

    assert [whole["paths"][path]["get"]["operationId"] for path in ("/api/v1/a", "/api/v1/b")] == [
        "read",
        "records_read",
    ]


def test_only_what_passes_the_door_is_shown_of_others():
    other = document("/api/v1/b", TEXT)
    other["paths"] |= {"/health": {"get": {}}, "/metrics": {"get": {}}, "/api/v1/health/live": {"get": {}}}

    whole = merged({}, {"gateway": document("/docs", TEXT), "records": other}, own="gateway")

    assert set(whole["paths"]) == {"/docs", "/api/v1/b"}


def test_public_operations_stay_public_and_all_others_take_both_schemes():
    whole = merged(
        {},
        {
            "gateway": document("/docs", TEXT, security=[]),
            "records": document("/api/v1/b", TEXT, security=[{"bearer": []}]),
        },
        own="gateway",
    )

    assert whole["paths"]["/docs"]["get"]["security"] == []
    assert "security" not in whole["paths"]["/api/v1/b"]["get"]
    assert whole["security"] == [{"password": []}, {"bearer": []}]
    assert set(whole["components"]["securitySchemes"]) == {"bearer", "password"}


def test_merging_changes_none_of_the_documents():
    documents = {"gateway": document("/api/v1/a", NUMBER), "records": document("/api/v1/b", TEXT)}
    before = json.dumps(documents)

    merged({}, documents, own="gateway")

    assert json.dumps(documents) == before
