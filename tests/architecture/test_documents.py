"""What the pages point at is there."""

import re
from collections.abc import Iterator

import pytest

from takt.work.checks import tracked
from takt.workspace import root

PAGES = [name for name in tracked() if name.endswith(".md")]
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:libs|services|deploy|docs|tests|bench|examples|\.ci|\.github)/[\w./*-]+)`")


def missing(name: str) -> Iterator[str]:
    page = root() / name
    text = page.read_text()
    yield from (link for link in LINK.findall(text) if not (page.parent / link).exists())
    yield from (path for path in PATH.findall(text) if not any(root().glob(path.rstrip("/"))))


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_path_that_a_page_names_exists(name):
    assert list(missing(name)) == []
