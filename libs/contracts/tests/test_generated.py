"""What is generated is checked in, and is what it claims to be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from takt_contracts import catalog
from takt_contracts.asyncapi import document, hoisted
from takt_contracts.generate import GENERATED, TOPICS, as_yaml, differing, files, main, write
from takt_contracts.schemas import schema, schemas

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).parents[3]
DOCUMENT = document()
MESSAGES = DOCUMENT["components"]["messages"]


def resolved(reference: str) -> Any:
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for name, value in node.items() if name == "$ref")
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from references(item)


def validator(reference: str) -> Draft202012Validator:
    """Of one schema of the document, its references resolved within it."""
    whole = DRAFT202012.create_resource(DOCUMENT)
    return Draft202012Validator({"$ref": f"urn:log{reference}"}, registry=Registry().with_resource("urn:log", whole))


@pytest.fixture(scope="module")
def made() -> dict[Path, str]:
    """What the contracts generate now."""
    return files()


def read(text: str) -> Any:
    """YAML, by the parser that takes a tenth of the time."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def test_what_is_checked_in_is_what_the_contracts_generate():
    assert differing(ROOT) == [], "run `python -m takt_contracts.generate`"


def test_generating_twice_gives_the_same(made):
    assert files() == made


def test_the_yaml_of_the_document_and_the_topics_is_read_as_it_was_meant(made):
    assert read(made[GENERATED / "asyncapi.yaml"]) == DOCUMENT
    listed = read(made[TOPICS])["topics"]
    assert {topic["name"]: topic["partitions"] for topic in listed} == {
        topic.name: topic.partitions for topic in catalog.topics().values()
    }


@pytest.mark.parametrize(
    "value",
    [
        "yes",
        "null",
        "1",
        "a: b",
        "- a",
        "#",
        "",
        "é\n\t\"'\\",
        {},
        [],
        None,
        True,
        -1,
        [[], {}, [1, [2]]],
        {"on": {"y": []}},
    ],
    ids=repr,
)
def test_the_emitter_writes_yaml_that_means_the_same(value):
    assert yaml.safe_load(as_yaml({"key": value, "list": [value, {"a b": value}]})) == {
        "key": value,
        "list": [value, {"a b": value}],
    }


def test_every_reference_of_the_document_resolves():
    found = set(references(DOCUMENT))

    assert len(found) > len(MESSAGES)
    for reference in found:
        assert isinstance(resolved(reference), dict), reference


def test_two_shapes_of_one_name_are_refused_in_one_document():
    def told(kind: str) -> dict[str, Any]:
        return {"$defs": {"Hold": {"type": kind}}, "$ref": "#/$defs/Hold"}

    with pytest.raises(TypeError, match="Hold"):
        hoisted({"takt.a.b.c.v1": told("object"), "takt.a.b.d.v1": told("string")})
    assert hoisted({"takt.a.b.c.v1": told("object")})[1] == {"Hold": {"type": "object"}}


def test_every_event_is_on_its_channel_with_headers_key_payload_and_example():
    told = {name for channel in DOCUMENT["channels"].values() for name in channel["messages"]}

    assert told == set(MESSAGES) == set(catalog.events())
    for type_, message in MESSAGES.items():
        assert {"headers", "payload", "bindings", "examples", "summary"} <= set(message), type_
        assert message["summary"], type_


@pytest.mark.parametrize("type_", MESSAGES)
def test_examples_obey_their_schemas(type_):
    [example] = MESSAGES[type_]["examples"]

    Draft202012Validator(schema(type_)).validate(example["payload"])
    validator(MESSAGES[type_]["payload"]["$ref"]).validate(example["payload"])
    validator(MESSAGES[type_]["headers"]["$ref"]).validate(example["headers"])


def test_a_wrong_example_would_be_seen():
    """The check above can fail: in the payload, in what it refers to, and in the headers."""
    message = MESSAGES["takt.operations.operation.reported.v1"]
    [example] = message["examples"]
    payload, headers = validator(message["payload"]["$ref"]), validator(message["headers"]["$ref"])

    for wrong in ({**example["payload"], "version": 0}, {**example["payload"], "state": {"status": "OPEN"}}):
        with pytest.raises(ValidationError):
            payload.validate(wrong)
    with pytest.raises(ValidationError):
        headers.validate({**example["headers"], "ce_sequence": "1"})


def test_every_schema_is_one():
    """What many of them share is looked at once: it is the same in all."""
    shared: dict[str, Any] = {}
    for found in schemas().values():
        own = {name: one for name, one in found["$defs"].items() if shared.get(name) != one}
        Draft202012Validator.check_schema({**found, "$defs": own})
        shared |= own


def test_a_change_of_a_resource_says_which_in_its_schema():
    assert schema("takt.operations.item.created.v1")["properties"]["change"]["const"] == "created"


def test_generating_writes_what_is_missing_and_the_check_names_it(tmp_path, capsys):
    (tmp_path / GENERATED.parent).mkdir(parents=True)

    assert main([str(tmp_path), "--check"]) == 1
    assert write(tmp_path)
    assert main([str(tmp_path), "--check"]) == 0
    (tmp_path / TOPICS).write_text("topics: []\n")
    (tmp_path / GENERATED / "schemas" / "takt.old.thing.happened.v1.json").write_text("{}")
    capsys.readouterr()
    assert main([str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        str(TOPICS),
        str(GENERATED / "schemas" / "takt.old.thing.happened.v1.json"),
    ]


def test_generating_outside_the_repository_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "not the root" in capsys.readouterr().err
