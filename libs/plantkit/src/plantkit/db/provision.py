"""One schema and two roles for a service; run as superuser, again and again without harm.

`<service>_owner` owns the schema and runs migrations. `<service>_app` is what the service logs in as: it sees its own
schema only, owns nothing, and may not change the shape of anything.
"""

from collections.abc import Iterator

SERVICES = ("operations", "records", "imports", "gateway")


def statements(service: str, *, owner_password: str, app_password: str, database: str = "takt") -> Iterator[str]:
    """SQL to be run in `database`, one statement each."""
    owner, app = f"{service}_owner", f"{service}_app"
    for role, password in ((owner, owner_password), (app, app_password)):
        yield _login(role, password)
        yield f"ALTER ROLE {role} IN DATABASE {database} SET search_path = {service}"
        yield f"GRANT CONNECT ON DATABASE {database} TO {role}"
    yield f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {owner}"
    yield f"GRANT USAGE ON SCHEMA {service} TO {app}"
    default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {service}"
    yield f"{default} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}"
    yield f"{default} GRANT USAGE, SELECT ON SEQUENCES TO {app}"
    yield f"{default} GRANT EXECUTE ON FUNCTIONS TO {app}"


def database_statements(database: str = "takt") -> Iterator[str]:
    """SQL to be run once in `database`: nobody gets in or makes anything unless told so."""
    yield f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"
    yield "REVOKE ALL ON SCHEMA public FROM PUBLIC"


def _login(role: str, password: str) -> str:
    quoted = password.replace("'", "''")
    return (
        f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        f" ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD '{quoted}'"
    )
