"""What the kit's lists need to know of things that are no declared resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel

from takt_contracts.resource import ListField, list_field


@dataclass(frozen=True, eq=False)
class Listed:
    plural: str
    state: type[BaseModel]
    key: tuple[str, ...]

    @cached_property
    def list_fields(self) -> Mapping[str, ListField]:
        found = (list_field(name, info.rebuild_annotation()) for name, info in self.state.model_fields.items())
        return {one.name: one for one in found if one is not None}
