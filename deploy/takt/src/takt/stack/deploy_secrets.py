"""Random passwords and keys for a deployment in containers, one file each, as compose mounts them."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

from joserfc.jwk import OKPKey

from plantkit.db.provision import SERVICES
from takt.errors import StackError, from_os_error


def write(folder: Path, host: str = "postgres:5432") -> list[Path]:
    """Write every secret. Never over one that is there: passwords are kept by the database that was made with them."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StackError(f"{folder} already holds secrets: keep them, or choose another folder.")
        return [_keep(folder / name, text) for name, text in _all(host)]
    except OSError as error:
        raise from_os_error(error, folder) from error


def _keep(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o444)  # the folder is closed to others; inside a container another user reads the mounted file
    return path


def _all(host: str) -> Iterator[tuple[str, str]]:
    yield "postgres_password", _random()
    yield "gateway_admin_password", _random()
    yield "gateway_signing_key", json.dumps(signing_key())
    yield "records_audit_key", _random()
    yield "consistency", _random()
    for service in SERVICES:
        yield f"{service}_cursor", _random()
        for role in ("owner", "app"):
            password = _random()
            yield f"{service}_{role}_password", password
            yield f"{service}_{role}_url", f"postgresql://{service}_{role}:{password}@{host}/takt"


def signing_key() -> dict[str, object]:
    """A fresh Ed25519 key as private JWK."""
    return dict(OKPKey.generate_key("Ed25519", auto_kid=True).as_dict(private=True))


def _random() -> str:
    return secrets.token_urlsafe(32)
