"""`takt new-resource`: the files of another catalog resource with a code and a name, ready for fields of its own."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from takt.work.migrations import head, revision
from takt.workspace import WorkError, root

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")


def words_of(service: str, name: str) -> dict[str, str]:
    """Every form of the name that the files need. Raises WorkError for what is not a name in lower case."""
    if not _NAME.fullmatch(name):
        raise WorkError(f"{name!r} is not a name like `terminal` or `storage-bin`.")
    plural = f"{name[:-1]}ies" if re.search(r"[^aeiou]y$", name) else f"{name}s"
    module, words = plural.replace("-", "_"), name.replace("-", " ")
    return {
        "service": service,
        "name": name,
        "plural": plural,
        "module": module,
        "words": words,
        "Words": words.capitalize(),
        "Plural": plural.replace("-", " ").capitalize(),
        "Class": "".join(part.capitalize() for part in name.split("-")),
        "Classes": "".join(part.capitalize() for part in plural.split("-")),
        "CONSTANT": name.replace("-", "_").upper(),
        "CONSTANTS": module.upper(),
        "UPPER": "".join(part[0] for part in name.split("-")).upper(),
    }


def write(service: str, name: str) -> list[Path]:
    """Write all files and the line in RESOURCES; nothing when one of them exists."""
    words = words_of(service, name)
    listed = root() / "services" / service / "src" / service / "catalog" / "__init__.py"
    if not listed.is_file():
        raise WorkError(f"The service {service!r} has no catalog.")
    words |= {"head": head(service), "revision": revision(words["plural"])}
    texts = {path: _filled(template, words) for template, path in _places(words)}
    if taken := [path for path in texts if path.exists()]:
        raise WorkError(f"{taken[0].relative_to(root())} exists already.")
    for path, text in texts.items():
        path.write_text(text)
    listed.write_text(with_line(listed.read_text(), words))
    return [*texts, listed]


def _places(words: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    service, module = words["service"], words["module"]
    home = root() / "services" / service
    yield "contract", root() / "libs" / "contracts" / "src" / "takt_contracts" / service / f"{module}.py"
    yield "row", home / "src" / service / "catalog" / f"{module}.py"
    yield "suite", home / "tests" / "catalog" / f"test_{module}.py"
    yield "migration", home / "migrations" / "versions" / f"{words['revision']}.py"


def _filled(template: str, words: Mapping[str, str]) -> str:
    text = files("takt.work").joinpath("templates", f"{template}.txt").read_text()
    return Template(text).substitute(words)


def with_line(catalog: str, words: Mapping[str, str]) -> str:
    """The catalog's table of contents with one more import and one more entry, as the formatter would have it."""
    line = f"from {words['service']}.catalog.{words['module']} import {words['CONSTANTS']}"
    imports = sorted({*re.findall(r"^from .+$", catalog, re.MULTILINE), line})
    named = re.search(r"RESOURCES = \((.*)\)", catalog, re.DOTALL)
    doc = re.match(r'(""".*?""")', catalog, re.DOTALL)
    if named is None or doc is None:
        raise WorkError("catalog/__init__.py has no docstring or no `RESOURCES = (...)`.")
    entries = [entry.strip() for entry in named[1].split(",") if entry.strip()] + [words["CONSTANTS"]]
    inline = f"RESOURCES = ({', '.join(entries)})"
    many = "RESOURCES = (\n" + "".join(f"    {entry},\n" for entry in entries) + ")"
    return f"{doc[1]}\n\n" + "\n".join(imports) + f"\n\n{inline if len(inline) <= 120 else many}\n"
