"""No tracked file names a package registry. The names are put together here, so that this file does not either."""

import pytest

from takt.work.checks import registries
from takt.work.hosts import hosts_of, named_in, registries_in


def named(*labels: str) -> str:
    return ".".join(labels)


KNOWN = [
    named("pypi", "org"),
    named("files", "pythonhosted", "org"),
    named("repo1", "maven", "org"),
    named("repo", "maven", "apache", "org"),
    named("registry", "npmjs", "org"),
    named("deb", "debian", "org"),
    named("static", "crates", "io"),
    named("proxy", "golang", "org"),
    named("cdn", "jsdelivr", "net"),
]


def test_the_workspace_names_none():
    assert registries() == []


@pytest.mark.parametrize("host", KNOWN)
@pytest.mark.parametrize("text", ["{}", "see https://{}/simple/x", "user@{}:443", "a\n\n  index-url={}", "<b>{}</b>"])
def test_a_name_is_found_wherever_it_stands(host, text):
    text = text.format(host)

    assert list(registries_in(text)) == [(text.count("\n") + 1, host)]
    assert list(registries_in(text.upper())) == [(text.count("\n") + 1, host.upper())]


@pytest.mark.parametrize(
    "text",
    [
        "maven.apache.org/POM",
        "org.webjars.npm:htmx.org:2.0.10",
        "docs.python.org",
        "127.0.0.1:8080",
        "crates.iox",
        "a.b.c",
    ],
)
def test_other_names_are_nobodys_business(text):
    assert list(registries_in(text)) == []


def test_a_private_mirror_of_the_local_lock_is_not_named_either(tmp_path):
    lock = 'source = { registry = "https://me:secret@mirror.plant.example/simple" }\nurl = "http://127.0.0.1:99/x"'
    assert hosts_of(lock) == {"mirror.plant.example"}

    (tmp_path / "notes.md").write_text("fetch from\nmirror.plant.example\n")
    (tmp_path / "picture").write_bytes(b"\xff\xfe\x00")

    assert list(named_in(tmp_path, ["notes.md", "picture", "gone"], hosts_of(lock))) == [
        "notes.md:2: names the package registry mirror.plant.example"
    ]
