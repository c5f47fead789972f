"""What is published stays readable: a schema may only gain optional fields."""

import copy
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from libs.contracts.tests.compatibility import breaks
from takt_contracts.generate import GENERATED
from takt_contracts.operations.production import OperationReported
from takt_contracts.scalars import Code, Flag, Name, Quantity, UtcDatetime
from takt_contracts.schemas import schema, schemas

ROOT = Path(__file__).parents[3]
REPORTED = OperationReported.type

Json = dict[str, Any]


def published() -> Mapping[str, Json]:
    """Schemas of the last release; before the first, those of the last commit; without a history, those checked in."""
    tag = _git("describe", "--tags", "--abbrev=0", "--match", "v*")
    packed = _git("archive", tag.decode().strip() or "HEAD", f"{GENERATED}/schemas")
    if not packed:
        return {path.stem: json.loads(path.read_text()) for path in (ROOT / GENERATED / "schemas").glob("*.json")}
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        members = [member for member in files.getmembers() if member.isfile()]
        return {Path(member.name).stem: json.load(files.extractfile(member) or io.BytesIO()) for member in members}


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False).stdout


def test_no_published_event_is_gone():
    assert set(published()) <= set(schemas())


def test_published_schemas_have_only_gained_optional_fields():
    found = {type_: breaks(old, schema(type_)) for type_, old in published().items()}

    assert {type_: broken for type_, broken in found.items() if broken} == {}


def field_gone(new: Json) -> None:
    new["properties"].pop("entry")
    new["required"].remove("entry")


def optional_field_gone(new: Json) -> None:
    del new["$defs"]["Operation"]["properties"]["planned_start"]


def field_renamed(new: Json) -> None:
    fields = new["$defs"]["Operation"]["properties"]
    fields["wanted"] = fields.pop("due")


def text_shorter(new: Json) -> None:
    new["$defs"]["Operation"]["properties"]["workplace"]["maxLength"] = 20


def text_longer(new: Json) -> None:
    new["$defs"]["Operation"]["properties"]["workplace"]["maxLength"] = 80


def other_pattern(new: Json) -> None:
    new["$defs"]["Operation"]["properties"]["order_no"]["pattern"] = "^[0-9]+$"


def other_format(new: Json) -> None:
    new["$defs"]["Operation"]["properties"]["created_at"]["format"] = "date"


def number_instead_of_text(new: Json) -> None:
    new["$defs"]["Operation"]["properties"]["qty_good"] = {"type": "number"}


def integer_narrower(new: Json) -> None:
    new["properties"]["version"]["maximum"] = 1000


def choice_gone(new: Json) -> None:
    new["$defs"]["Status"]["enum"].remove("CANCELLED")


def choice_added(new: Json) -> None:
    new["$defs"]["Status"]["enum"].append("PAUSED")


def null_no_more(new: Json) -> None:
    new["$defs"]["Operation"]["properties"]["due"] = {"type": "string", "format": "date-time"}


def null_all_at_once(new: Json) -> None:
    item = new["$defs"]["Operation"]["properties"]["item"]
    new["$defs"]["Operation"]["properties"]["item"] = {"anyOf": [item, {"type": "null"}]}


def newly_required(new: Json) -> None:
    new["properties"]["shift"] = {"type": "string"}
    new["required"].append("shift")


def present_field_newly_required(new: Json) -> None:
    new["$defs"]["Operation"]["required"].append("due")


def required_no_more(new: Json) -> None:
    new["$defs"]["Operation"]["required"].remove("item")


@pytest.mark.parametrize(
    "change",
    [
        *(field_gone, optional_field_gone, field_renamed, text_shorter, text_longer, other_pattern, other_format),
        *(number_instead_of_text, integer_narrower, choice_gone, choice_added, null_no_more, null_all_at_once),
        *(newly_required, present_field_newly_required, required_no_more),
    ],
)
def test_a_change_that_breaks_somebody_is_refused(change: Callable[[Json], None]):
    proposed = copy.deepcopy(schema(REPORTED))
    change(proposed)

    assert breaks(schema(REPORTED), proposed)


def optional_field(new: Json) -> None:
    new["properties"]["shift"] = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def optional_field_of_the_state(new: Json) -> None:
    new["$defs"]["Operation"]["properties"]["priority"] = {"type": "integer"}


def optional_object(new: Json) -> None:
    new["$defs"]["Tool"] = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}
    new["properties"]["tool"] = {"anyOf": [{"$ref": "#/$defs/Tool"}, {"type": "null"}]}


def other_words(new: Json) -> None:
    new["description"] = "Said better."
    new["$defs"]["Operation"]["properties"]["due"]["description"] = "Agreed with the customer."


@pytest.mark.parametrize("change", [optional_field, optional_field_of_the_state, optional_object, other_words])
def test_what_readers_can_ignore_is_accepted(change: Callable[[Json], None]):
    proposed = copy.deepcopy(schema(REPORTED))
    change(proposed)

    assert breaks(schema(REPORTED), proposed) == []


class Before(BaseModel):
    code: Code
    name: Name | None = None
    qty: Quantity
    due: UtcDatetime


class Gained(Before):
    tracked: Flag = False


class Demands(Before):
    tracked: Flag


class Lost(BaseModel):
    code: Code
    qty: Quantity
    due: UtcDatetime


class Retyped(Lost):
    name: int | None = None


@pytest.mark.parametrize(
    ("after", "accepted"), [(Before, True), (Gained, True), (Demands, False), (Lost, False), (Retyped, False)]
)
def test_the_rule_holds_for_models_as_they_are_written(after: type[BaseModel], accepted: bool):
    old, new = (model.model_json_schema(mode="serialization") for model in (Before, after))

    assert (breaks(old, new) == []) is accepted
