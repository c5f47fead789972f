"""A token is taken only when everything about it is right; what is wrong is never told."""

import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from plantkit.auth.tokens import Verifier
from plantkit.errors import Unauthenticated, Unavailable
from plantkit.testing.fixtures import Signer
from takt_contracts.roles import Role


@pytest.fixture
def verifier(signer: Signer) -> Verifier:
    made = Verifier("http://127.0.0.1:1/jwks.json")
    made.trust(signer.jwks)
    return made


async def test_a_good_token_names_its_holder(verifier: Verifier, signer: Signer) -> None:
    principal = await verifier.verify(signer.token(Role.OPERATOR, user="u-1", name="Operator 07"))

    assert (principal.id, principal.kind, principal.name) == ("u-1", "user", "Operator 07")
    assert principal.has(Role.OPERATOR)
    assert principal.has(Role.VIEWER)
    assert not principal.has(Role.PLANNER)


async def test_an_administrator_has_every_role(verifier: Verifier, signer: Signer) -> None:
    principal = await verifier.verify(signer.token(Role.ADMIN))

    assert all(principal.has(role) for role in Role)


@pytest.mark.parametrize(
    "change",
    [
        {"exp": -31},
        {"exp": None},
        {"exp": "soon"},
        {"exp": float("nan")},
        {"exp": 100 * 365 * 24 * 3600},
        {"iat": 600},
        {"nbf": 600},
        {"iss": "somebody"},
        {"aud": ["other", "takt"]},
        {"aud": None},
        {"typ": "refresh"},
        {"sub": ""},
        {"sub": None},
        {"roles": "ADMIN"},
        {"kind": "system"},
    ],
)
async def test_a_wrong_claim_is_refused(verifier: Verifier, signer: Signer, change: dict[str, Any]) -> None:
    now = int(time.time())
    told = {name: now + value if isinstance(value, int) else value for name, value in change.items()}
    claims = {**signer.claims(Role.ADMIN), **told}

    with pytest.raises(Unauthenticated):
        await verifier.verify(signer.sign({name: value for name, value in claims.items() if value is not None}))


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"b64": False}, {"kid": "../../dev/null"}, {"kid": "x" * 9000}])
async def test_a_strange_header_is_refused(verifier: Verifier, signer: Signer, header: dict[str, Any]) -> None:
    token = unchecked(signer, header)

    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


def unchecked(signer: Signer, header: dict[str, Any]) -> str:
    """Signed by our key, whatever the header says."""

    fields = json.dumps({"alg": "Ed25519", "kid": signer.key.kid, **header}).encode()
    claims = json.dumps(signer.claims(Role.ADMIN)).encode()
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (fields, claims)]
    private = signer.key.private_key
    assert isinstance(private, Ed25519PrivateKey)
    signature = private.sign(".".join(parts).encode())
    return ".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=").decode()])


async def test_a_token_made_by_hand_would_pass_with_a_plain_header(verifier: Verifier, signer: Signer) -> None:
    assert (await verifier.verify(unchecked(signer, {}))).has(Role.ADMIN)


async def test_a_foreign_key_is_refused(verifier: Verifier) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(Signer().token(Role.ADMIN))


@pytest.mark.parametrize("parts", [2, 4])
async def test_a_token_of_another_number_of_parts_is_refused(verifier: Verifier, signer: Signer, parts: int) -> None:
    whole = [*signer.token(Role.ADMIN).split("."), "x"]

    with pytest.raises(Unauthenticated):
        await verifier.verify(".".join(whole[:parts]))


async def test_an_empty_signature_is_refused(verifier: Verifier, signer: Signer) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(signer.token(Role.ADMIN).rsplit(".", 1)[0] + ".")


async def test_without_any_key_the_service_is_unavailable_rather_than_open(signer: Signer) -> None:
    with pytest.raises(Unavailable):
        await Verifier("http://127.0.0.1:1/jwks.json").verify(signer.token(Role.ADMIN))
