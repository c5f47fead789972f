"""Forged, stretched and mistaken access tokens: each is one 401 with one body, and nothing fails."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

pytestmark = pytest.mark.db
ADMIN = {"username": "admin", "password": "zK4!vq81mWp3 of the plant"}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def packed(value: object) -> str:
    return b64(json.dumps(value).encode())


class Forge:
    """Knows the real key, so that each attack differs from a good token in one thing only."""

    def __init__(self, signing_key: str, good: str) -> None:
        self.key = OKPKey.import_key(json.loads(signing_key))
        self.good = good
        header, payload, self.signature = good.split(".")
        self.header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(header + "=="))
        self.claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))

    def signed(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Signed by the real key over whatever is asked; a claim set to ... is left out."""
        body = {name: value for name, value in {**self.claims, **claims}.items() if value is not ...}
        return self.raw({**self.header, **(header or {})}, json.dumps(body))

    def raw(self, header: object, payload: str) -> str:
        text = f"{packed(header)}.{b64(payload.encode())}"
        private = self.key.private_key
        assert isinstance(private, Ed25519PrivateKey)
        return f"{text}.{b64(private.sign(text.encode()))}"

    def by(self, key: Any, algorithm: str, **header: Any) -> str:
        fields = {**self.header, "alg": algorithm, **header}
        return jwt.encode(fields, self.claims, key, algorithms=[algorithm])

    def hs256(self, secret: bytes) -> str:
        text = f"{packed({**self.header, 'alg': 'HS256'})}.{packed(self.claims)}"
        return f"{text}.{b64(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def unsigned(forge: Forge) -> Iterator[tuple[str, str]]:
    _, payload, signature = forge.good.split(".")
    for alg in ("none", "None", "nOnE", "NONE", ""):
        yield f"alg {alg!r}, no signature", f"{packed({**forge.header, 'alg': alg})}.{payload}."
        yield f"alg {alg!r}, old signature", f"{packed({**forge.header, 'alg': alg})}.{payload}.{signature}"
    head = forge.good.split(".")[0]
    yield "signature empty", f"{head}.{payload}."
    yield "two segments", f"{head}.{payload}"
    yield "four segments", f"{forge.good}.{signature}"
    yield "five segments, as an encrypted one", f"{head}.{payload}.{signature}.{signature}.{signature}"
    yield "signature of zeros", f"{head}.{payload}.{b64(bytes(64))}"
    yield "signature cut", f"{head}.{payload}.{signature[:-4]}"
    yield "payload changed", f"{head}.{packed({**forge.claims, 'roles': ['ADMIN', 'HEALTH']})}.{signature}"


def other_algorithms(forge: Forge) -> Iterator[tuple[str, str]]:
    public = forge.key.public_key
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    jwk = json.dumps(forge.key.as_dict(private=False)).encode()
    for name, secret in (
        ("PEM", pem),
        ("PEM with a newline more", pem + b"\n"),
        ("DER", der),
        ("raw", raw),
        ("JWK", jwk),
    ):
        yield f"HS256 by the public key as {name}", forge.hs256(secret)
    yield "RS256 by a key of one's own", forge.by(RSAKey.generate_key(2048), "RS256")
    yield "ES256 by a key of one's own", forge.by(ECKey.generate_key("P-256"), "ES256")
    yield "HS256 by a key of one's own", forge.by(OctKey.generate_key(256), "HS256")
    yield "Ed25519 by a key of one's own", forge.by(OKPKey.generate_key("Ed25519"), "Ed25519")
    yield "the right key under the name of another algorithm", forge.signed({"alg": "ES256"})


def headers(forge: Forge) -> Iterator[tuple[str, str]]:
    own = OKPKey.generate_key("Ed25519")
    for kid in ("../../dev/null", "' OR 1=1 --", "\0", "k" * 10_000, "unknown", "", None, 7, ["a"]):
        yield f"kid {str(kid)[:20]!r}", forge.signed({"kid": kid})
    pointed = {"jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/cert"}
    for name, url in pointed.items():
        yield f"{name} of the attacker", forge.by(own, "Ed25519", kid="attacker", **{name: url})
    yield "jwk inside", forge.by(own, "Ed25519", kid="attacker", jwk=own.as_dict(private=False))
    yield "crit unknown", forge.signed({"crit": ["exp2"], "exp2": 1})
    yield "b64 false", forge.signed({"b64": False, "crit": ["b64"]})
    yield "b64 false without crit", forge.signed({"b64": False})
    yield "header a list", forge.raw([forge.header], json.dumps(forge.claims))
    yield "header no JSON", f"{b64(b'{')}.{packed(forge.claims)}.{forge.signature}"
    yield "header nested deep", f"{b64(b'[' * 5000)}.{packed(forge.claims)}.{forge.signature}"


def claims(forge: Forge) -> Iterator[tuple[str, str]]:
    now = int(time.time())
    yield "typ of a refresh token", forge.signed(typ="refresh")
    yield "typ missing", forge.signed(typ=...)
    for name in ("exp", "iat", "iss", "aud", "sub", "name", "roles", "sid"):
        left_out: dict[str, Any] = {name: ...}
        yield f"{name} missing", forge.signed(None, **left_out)
    for value in (str(now + 900), None, True, [now + 900], now - 31, now + 100 * 365 * 86400, -1, 0, 1.5):
        yield f"exp {value!r}", forge.signed(exp=value)
    for text in ("NaN", "1e400", "Infinity"):
        body = json.dumps({**forge.claims, "exp": 0}).replace('"exp": 0', f'"exp": {text}')
        yield f"exp {text}", forge.raw(forge.header, body)
    yield "nbf in the future", forge.signed(nbf=now + 600)
    yield "iat in the future", forge.signed(iat=now + 600, exp=now + 900)
    yield "another issuer", forge.signed(iss="https://elsewhere")
    for audience in ("other", ["other", "takt"], ["takt"], [], None):
        yield f"aud {audience!r}", forge.signed(aud=audience)
    yield "sub of nobody", forge.signed(sub="", sid=str(uuid4()))
    for sid in (str(uuid4()), "1", None, 7, "'; DROP TABLE sign_ins; --"):
        yield f"sid {sid!r}", forge.signed(sid=sid)
    yield "more roles than the user has", forge.signed(roles=["ADMIN", "HEALTH"])
    yield "roles no list", forge.signed(roles="ADMIN")
    twice = json.dumps(forge.claims)[:-1] + ', "sub": "somebody-else"}'
    yield "sub twice", forge.raw(forge.header, twice)
    yield "claims a list", forge.raw(forge.header, json.dumps([forge.claims]))
    yield "claims no JSON", forge.raw(forge.header, "{")


def spellings(forge: Forge) -> Iterator[tuple[str, str]]:
    head, payload, signature = forge.good.split(".")
    yield "padded base64", f"{head}==.{payload}==.{signature}=="
    yield "standard base64 letters", f"{head}.{payload}.{signature}".replace("-", "+").replace("_", "/") + "="
    yield "blank inside", f"{head}. {payload}.{signature}"
    yield "bit after the end set", f"{head}.{payload}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}"
    yield "a megabyte", "a" * 1_000_000
    yield "dots only", ".."
    yield "empty", ""
    yield "not ASCII", "žluťoučký.kůň.úpěl"


@pytest.fixture(scope="module")
async def forge(admin: httpx.AsyncClient, anonymous: httpx.AsyncClient, signing_key: str) -> Forge:
    answer = await anonymous.post("/api/v1/auth/login", json=ADMIN)
    return Forge(signing_key, answer.json()["access_token"])


def told(answer: httpx.Response) -> tuple[int, str]:
    body = {name: value for name, value in answer.json().items() if name not in ("trace_id", "instance")}
    return answer.status_code, json.dumps(body, sort_keys=True)


async def with_token(client: httpx.AsyncClient, path: str, token: str) -> httpx.Response:
    return await client.get(path, headers=[(b"authorization", b"Bearer " + token.encode())])


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/items"], ids=["own route", "passed on"])
@pytest.mark.parametrize("family", [unsigned, other_algorithms, headers, claims, spellings])
async def test_every_attack_gets_the_one_refusal(anonymous, forge, family, path):
    expected = told(await anonymous.get(path))
    assert expected[0] == 401

    accepted = [name for name, token in family(forge) if told(await with_token(anonymous, path, token)) != expected]

    assert accepted == []


async def test_the_good_token_of_the_same_forge_is_taken(anonymous, forge):
    """Else the attacks above would prove nothing."""
    assert (await with_token(anonymous, "/api/v1/me", forge.good)).status_code == 200
    assert (await with_token(anonymous, "/api/v1/me", forge.signed())).status_code == 200


async def test_a_token_in_the_query_does_not_count(anonymous, forge):
    assert (await anonymous.get("/api/v1/me", params={"access_token": forge.good})).status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/items"])
async def test_two_tokens_are_as_good_as_none(anonymous, forge, path):
    twice = [("authorization", f"Bearer {forge.good}"), ("authorization", "Bearer x")]

    for pair in (twice, twice[::-1], [twice[0], twice[0]]):
        assert (await anonymous.get(path, headers=pair)).status_code == 401


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Token", "", "BearerX"])
async def test_another_scheme_does_not_count(anonymous, forge, scheme):
    answer = await anonymous.get("/api/v1/me", headers={"authorization": f"{scheme} {forge.good}"})

    assert answer.status_code == 401


async def test_no_token_is_ever_logged(anonymous, forge, capsys):
    await with_token(anonymous, "/api/v1/me", forge.good)
    await with_token(anonymous, "/api/v1/me", forge.signed(typ="refresh"))

    written = "".join(capsys.readouterr())
    assert forge.signature not in written
    assert "eyJ" not in written
