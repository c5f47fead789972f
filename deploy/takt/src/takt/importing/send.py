"""Hand a file in at the gateway."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from takt.door import API, Visitor, refusal
from takt.errors import StackError, from_os_error


class NotStarted(StackError):
    """There is no import: the file or the stack is not there, or the gateway refused the file."""


@dataclass(frozen=True)
class Wishes:
    """What is to be done with the file. Without a template the header has to say what it is."""

    template: str | None
    mode: str = "commit"
    atomic: bool = False
    on_duplicate: str = "update"

    @property
    def path(self) -> str:
        return f"{API}/uploads" if self.template is None else f"{API}/templates/{self.template}/uploads"

    @property
    def fields(self) -> Mapping[str, str]:
        return {"mode": self.mode, "atomic": str(self.atomic).lower(), "on_duplicate": self.on_duplicate}


def send(visitor: Visitor, file: Path, wishes: Wishes) -> dict[str, Any]:
    """The import as it begins. Raises NotStarted with one sentence that says why there is none."""
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    try:
        with file.open("rb") as content:
            answer = visitor.ask("POST", wishes.path, headers, files={"file": (file.name, content)}, data=wishes.fields)
    except IsADirectoryError:
        raise NotStarted(f"{file} is a folder: name a file.") from None
    except FileNotFoundError:
        raise NotStarted(f"There is no file {file}.") from None
    except PermissionError:
        raise NotStarted(f"No permission to read {file}.") from None
    except OSError as unreadable:
        raise NotStarted(str(from_os_error(unreadable, file))) from unreadable
    return _begun(answer, file)


def _begun(answer: httpx.Response, file: Path) -> dict[str, Any]:
    if answer.status_code != httpx.codes.ACCEPTED:
        raise NotStarted(f"The gateway refused {file.name} ({answer.status_code}): {refusal(answer)}")
    begun: dict[str, Any] = answer.json()
    return begun
