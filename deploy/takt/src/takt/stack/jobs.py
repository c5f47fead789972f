"""What the forked processes do. Each imports its part here, so that the parent stays small until it is asked."""

import importlib


def serve(service: str) -> None:
    """One service, by the settings in its environment, until SIGTERM."""
    from plantkit.serve import serve as run

    made = importlib.import_module(f"{service}.app").SERVICE
    run(made, made.settings.load())


def migrate(services: str) -> None:
    """Bring the schemas to the newest revision, each as its owner."""
    from plantkit.migrate import owner_url, upgrade

    for service in services.split(","):
        upgrade(service, owner_url(service))


def provision(bootstrap: str, copies: str) -> None:
    """The contracts' topics. Groups get their first offsets from the services, which keep a record of it."""
    import asyncio

    from plantkit.messaging.provision import ensure_topics

    asyncio.run(ensure_topics(bootstrap, replication=int(copies), min_insync=max(1, int(copies) - 1)))


def signing_key(path: str) -> None:
    """An Ed25519 private key as JWK, for the gateway to sign tokens with."""
    import json
    from pathlib import Path

    from joserfc.jwk import OKPKey

    from takt.embedded.postgres import write_secret

    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    write_secret(Path(path), json.dumps(key.as_dict(private=True)))
