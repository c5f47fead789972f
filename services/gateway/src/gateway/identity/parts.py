"""What this slice keeps while the service runs."""

from dataclasses import dataclass

from fastapi import FastAPI

from gateway.identity.attempts import SourceGate
from gateway.identity.door import SignInVerifier
from gateway.identity.passwords import Passwords
from gateway.identity.signing import Signer
from gateway.identity.signing_in import SigningIn
from gateway.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Made once at start, found by `identity_of`."""

    settings: Settings
    signer: Signer
    passwords: Passwords
    signing_in: SigningIn
    gate: SourceGate
    door: SignInVerifier


def identity(settings: Settings, door: SignInVerifier) -> Identity:
    signer = Signer(settings.signing_key.get_secret_value(), settings.retired_keys)
    door.trust(signer.public_keys())
    passwords = Passwords()
    return Identity(
        settings=settings,
        signer=signer,
        passwords=passwords,
        signing_in=SigningIn(passwords=passwords, signer=signer),
        gate=SourceGate(settings.sign_ins_per_minute),
        door=door,
    )


def identity_of(app: FastAPI) -> Identity:
    found: Identity = app.state.identity
    return found
