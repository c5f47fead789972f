"""What was resolved is held against what was locked: a swapped file is refused, a wheel for others is not."""

import hashlib
import subprocess
import sys
import time

import pytest

from takt.locks import LockRefused, Platform, differences, guard, locked, resolved
from takt.work.locking import BEGIN, differing, pins, with_pins
from takt.workspace import root
from tests.architecture.copies import environment

HERE = Platform((3, 11), "x86_64", "manylinux")
ARM = Platform((3, 12), "aarch64", "musllinux")


def sha(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def lock(*lines: str) -> str:
    return "# a comment\n" + "".join(f"{line}\n" for line in lines)


def entry(name: str, version: str, *wheels: tuple[str, str], source: str = "registry") -> str:
    files = "".join(f'    {{ url = "https://example.invalid/{file}", hash = "sha256:{d}" }},\n' for file, d in wheels)
    return (
        f'\n[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ {source} = "x" }}\nwheels = [\n{files}]\n'
    )


WHEEL = ("bolt-1.0-py3-none-any.whl", sha("bolt"))
LOCKED = lock("bolt==1.0 \\", f"    --hash=sha256:{sha('bolt')} \\", f"    --hash=sha256:{sha('sdist')}")


def found(ours: str, theirs: str, here: Platform = HERE) -> list[str]:
    return list(differences(locked(ours), resolved("version = 1\n" + theirs), here))


def test_the_same_packages_pass():
    assert found(LOCKED, entry("bolt", "1.0", WHEEL)) == []


def test_another_version_is_refused():
    assert found(LOCKED, entry("bolt", "1.1", WHEEL)) == ["bolt is 1.1 here, locked is 1.0"]


def test_a_package_that_nobody_locked_is_refused():
    nut = entry("nut", "3", ("nut-3-py3-none-any.whl", sha("nut")))

    assert found(LOCKED, entry("bolt", "1.0", WHEEL) + nut) == ["nut is 3 here, locked is nothing of that name"]


def test_a_package_that_is_missing_is_refused():
    assert found(LOCKED, "") == ["bolt 1.0 is locked, but was not resolved here"]


def test_a_swapped_file_is_refused():
    [sentence] = found(LOCKED, entry("bolt", "1.0", (WHEEL[0], sha("other"))))

    assert sentence.startswith("bolt-1.0-py3-none-any.whl has a sha256 that was never locked")


@pytest.mark.parametrize(
    ("file", "here", "arm"),
    [
        ("bolt-1.0-cp311-cp311-manylinux_2_28_x86_64.whl", True, False),
        ("bolt-1.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", True, False),
        ("bolt-1.0-cp39-abi3-linux_x86_64.whl", True, False),
        ("bolt-1.0-1-py2.py3-none-any.whl", True, True),
        ("bolt-1.0-cp312-cp312-musllinux_1_2_aarch64.whl", False, True),
        ("bolt-1.0-cp315-cp315-manylinux_2_28_x86_64.whl", False, False),
        ("bolt-1.0-cp313-abi3-manylinux_2_28_x86_64.whl", False, False),
        ("bolt-1.0-cp311-cp311-macosx_11_0_universal2.whl", False, False),
        ("bolt-1.0-cp311-cp311-win_amd64.whl", False, False),
        ("bolt-1.0-pp311-pypy311_pp73-manylinux_2_28_x86_64.whl", False, False),
        ("bolt-1.0-cp312-cp312t-musllinux_1_2_aarch64.whl", False, False),
    ],
)
def test_only_a_file_that_could_be_installed_here_is_refused(file, here, arm):
    """A registry may add a wheel for a new Python to an old release: that is no reason to stop."""
    added = entry("bolt", "1.0", WHEEL, (file, sha("new")))

    assert (bool(found(LOCKED, added, HERE)), bool(found(LOCKED, added, ARM))) == (here, arm)


def test_workspace_members_are_not_compared():
    assert found(LOCKED, entry("bolt", "1.0", WHEEL) + entry("takt", "0.1.0", source="editable")) == []


def test_names_are_compared_as_registries_compare_them():
    assert found(LOCKED.replace("bolt==", "Bolt_=="), entry("bolt-", "1.0", WHEEL)) == []


def test_the_guard_refuses_and_says_what_to_do(tmp_path):
    (tmp_path / "requirements.lock").write_text(LOCKED)
    guard(tmp_path)  # no local lock yet: nothing to compare

    (tmp_path / "uv.lock").write_text("version = 1\n" + entry("bolt", "2.0", WHEEL))
    with pytest.raises(LockRefused, match=r"bolt is 2\.0 here, locked is 1\.0\n.*takt lock"):
        guard(tmp_path)


@pytest.fixture
def broken(copy):
    """A copy whose local lock has one package in another version."""
    (copy / "requirements.lock").write_text((root() / "requirements.lock").read_text())
    (copy / "uv.lock").write_text("version = 1\n" + entry("typer", "0.0.1"))
    return copy


def test_takt_refuses_to_start_on_another_lock(broken):
    env = environment(broken)
    done = subprocess.run(
        [sys.executable, "-m", "takt", "--help"], env=env, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (3, "")
    assert "typer is 0.0.1 here" in done.stderr


def test_the_guard_takes_less_than_a_tenth_of_a_second():
    pinned = (root() / "requirements.lock").read_text()
    entries = "".join(
        entry(name, version, *((f"{name}-{n}-cp311-cp311-manylinux_2_28_x86_64.whl", d) for n, d in enumerate(digests)))
        for (name, version), digests in locked(pinned).items()
    )
    started = time.thread_time()

    assert found(pinned, entries) == []
    assert time.thread_time() - started < 0.1


def test_the_committed_files_agree():
    assert list(differing(root())) == []
    assert "://" not in (root() / "requirements.lock").read_text()


def test_a_pin_that_was_edited_by_hand_is_found(copy):
    pinned = (root() / "requirements.lock").read_text()
    (copy / "requirements.lock").write_text(pinned)
    project = (copy / "pyproject.toml").read_text()

    (copy / "pyproject.toml").write_text(project.replace('"typer==', '"typer==1.'))

    assert list(differing(copy)) == ["requirements.lock and the pins in pyproject.toml differ: run `takt lock`"]


def test_pins_keep_their_markers():
    text = lock("bolt==1.0 ; sys_platform == 'win32' \\", "    --hash=sha256:00", "nut==2")

    assert list(pins(text)) == ["bolt==1.0 ; sys_platform == 'win32'", "nut==2"]
    assert with_pins(f"a\n{BEGIN}\nold\n# end of pins\nb\n", ["x==1"]).splitlines() == [
        "a",
        BEGIN,
        "constraint-dependencies = [",
        '    "x==1",',
        "]",
        "# end of pins",
        "b",
    ]
