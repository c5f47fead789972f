"""What is kept of an upload."""

from dataclasses import dataclass
from uuid import UUID

from gateway.uploads.model import Upload
from plantkit.db.tx import Tx
from takt_contracts.imports.files import FileUploaded, Mode, OnDuplicate


@dataclass(frozen=True, kw_only=True)
class ReceiveFile:
    """A file that lies in the inbox already, under `dataref`."""

    id: UUID
    dataref: str
    file_name: str
    content_type: str
    bytes: int
    sha256: str
    template: str | None
    target: str | None
    mode: Mode
    atomic: bool
    on_duplicate: OnDuplicate


async def receive_file(tx: Tx, cmd: ReceiveFile) -> Upload:
    """The id was given before, because the object and the answer's Location carry it."""
    roles = " ".join(sorted(tx.principal.roles))
    upload = tx.new(Upload, **vars(cmd), uploaded_by=tx.principal.id, held_roles=roles, uploaded_at=tx.now)
    upload.record(FileUploaded)
    return upload
