"""A batch of rows as it came."""

from dataclasses import dataclass

from plantkit.auth.principal import Principal
from plantkit.db.tx import Origin
from takt_contracts.imports.rows import Phase, RowBatch


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch and what its answer needs."""

    version: int
    batch: RowBatch
    traceparent: str | None

    @property
    def principal(self) -> Principal:
        return uploader(self.batch)

    @property
    def origin(self) -> Origin:
        return Origin(request_id=str(self.batch.import_id), traceparent=self.traceparent)

    @property
    def sort(self) -> tuple[str, Phase, bool]:
        """Batches that can be dealt with together."""
        return self.batch.target, self.batch.phase, self.batch.atomic


def uploader(batch: RowBatch) -> Principal:
    """Who brought the rows, with the roles they had then."""
    return Principal(id=batch.uploaded_by, kind="user", roles=frozenset(batch.roles), name=batch.uploaded_by)
