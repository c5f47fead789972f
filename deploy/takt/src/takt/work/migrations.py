"""`takt migration`: a migration with what the classes describe and the migrated schema lacks, in our form."""

import re
import textwrap
from pathlib import Path

from plantkit.clock import utc_now
from plantkit.db.provision import SERVICES
from takt.workspace import WorkError, root

_REVISION = re.compile(r"^revision, down_revision = (.+)$", re.MULTILINE)
_TEXT = '''"""{subject}.

Why:
Phase:  expand.
Locks:
Undo:
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "{revision}", "{head}"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
{upgrade}


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
{downgrade}
'''


class NothingToMigrate(WorkError):
    """Classes and schema agree."""


def write(service: str, subject: str) -> Path:
    """Write the next migration of a service. Its author fills in why, the locks it takes, and what undoing loses."""
    if service not in SERVICES:
        raise WorkError(f"There is no service {service!r}: {', '.join(SERVICES)}.")
    upgrade, downgrade = _lacking(service)
    if not upgrade:
        raise NothingToMigrate(f"The migrations of {service} build all that its classes describe.")
    name = revision(subject)
    body = {"upgrade": _body(upgrade), "downgrade": _body(downgrade)}
    path = versions(service) / f"{name}.py"
    path.write_text(_TEXT.format(subject=subject[:1].upper() + subject[1:], revision=name, head=head(service), **body))
    return path


def _body(rendered: str) -> str:
    """Alembic indents all but its first line, which is a remark, as its last is."""
    lines = [line for line in rendered.splitlines() if not line.lstrip().startswith("# ###")]
    return textwrap.indent(textwrap.dedent("\n".join(lines)), "    ")


def _lacking(service: str) -> tuple[str, str]:
    from takt.work.schemas import metadata_of, migrated, statements

    with migrated([service]) as databases:
        return statements(databases[service], metadata_of(service))


def versions(service: str) -> Path:
    return root() / "services" / service / "migrations" / "versions"


def revision(subject: str) -> str:
    """Today's date and the subject: `2026_03_02_scrap_reason`."""
    return f"{utc_now():%Y_%m_%d}_{re.sub(r'[^a-z0-9]+', '_', subject.lower()).strip('_')}"


def head(service: str) -> str:
    """The revision that no other follows. More than one is a mistake of two branches."""
    found = [_REVISION.search(path.read_text()) for path in versions(service).glob("*.py")]
    pairs = [re.findall(r'"([^"]+)"|None', match[1]) for match in found if match]
    followed = {down for _, *downs in pairs for down in downs}
    heads = [first for first, *_ in pairs if first not in followed]
    if len(heads) != 1:
        raise WorkError(f"The migrations of {service} have {len(heads)} heads: {', '.join(sorted(heads))}.")
    return str(heads[0])
