from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from steepest.data import downloads
from steepest.data.artefacts import Artefact, fetch
from steepest.errors import DataError

WANTED = b"wanted text\n" * 1000


def tarball(members: dict[str, bytes], compression: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("package/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return buffer.getvalue()


def ar(members: dict[str, bytes]) -> bytes:
    """Write the archive as ar(5) has it: name 16, time 12, owner 6, group 6, mode 8, size 10, and two magic bytes."""
    content = b"!<arch>\n"
    for name, data in members.items():
        content += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    return content


def debian(members: dict[str, bytes]) -> bytes:
    control = tarball({"./control": b"Package: x"}, "xz") + b"x"
    return ar({"debian-binary": b"2.0\n", "control.tar.xz": control, "data.tar.xz": tarball(members, "xz")})


NPM_FILE = "steepest-no-such-package-1.0.tgz"
DEB_FILE = "steepest-no-such-package_1.0_all.deb"
ARCHIVES = {
    "npm": (NPM_FILE, tarball({"package/data.txt": WANTED, "../../evil": b"x"}, "gz")),
    "deb": (DEB_FILE, debian({"./package/data.txt": WANTED, "../../evil": b"x"})),
}


def put(folder: Path, kind: str, data: bytes | None = None) -> tuple[Artefact, Path]:
    name, content = ARCHIVES[kind]
    path = folder / "given" / name
    path.parent.mkdir()
    path.write_bytes(content if data is None else data)
    members = {"package/data.txt": hashlib.sha256(WANTED).hexdigest()}
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    return Artefact("steepest-no-such-package", "1.0", sha, members, "MIT", "nobody", "use your own", kind), path


def message(artefact: Artefact, **where: Path) -> str:
    with pytest.raises(DataError) as caught:
        fetch(artefact, **where)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["npm", "deb"])
def test_tarballs_and_debian_packages_are_read_in_memory(kind, tmp_path):
    artefact, path = put(tmp_path, kind)
    for local in (path, path.parent):
        found = fetch(artefact, local=local, cache=tmp_path / f"cache of {local.name}")
        assert found["package/data.txt"].read_bytes() == WANTED
    assert {file.split("/")[-1] for file in files(tmp_path)} == {path.name, "data.txt", "manifest.json"}


@pytest.mark.parametrize("kind", ["npm", "deb"])
def test_tampered_oversized_absent_and_altered_members_of_archives_are_refused(kind, tmp_path, monkeypatch):
    artefact, path = put(tmp_path, kind)
    where = {"local": path, "cache": tmp_path / "cache"}
    assert "no item named 'absent'" in message(replace(artefact, members={"absent": "0" * 64}), **where)
    assert "no item named 'package/link'" in message(replace(artefact, members={"package/link": "0" * 64}), **where)
    assert "leads out of its folder" in message(replace(artefact, members={"../../evil": "0" * 64}), **where)
    assert "expected SHA-256 000" in message(replace(artefact, members={"package/data.txt": "0" * 64}), **where)
    monkeypatch.setattr(downloads, "MEMBER_BYTES", len(WANTED) - 1)
    assert f"{len(WANTED)} bytes" in message(artefact, **where)
    path.write_bytes(path.read_bytes() + b"\0")
    said = message(artefact, **where)
    assert f"{path.name} is not steepest-no-such-package 1.0: expected SHA-256 {artefact.sha256}" in said
    assert "set STEEPEST_ARTEFACTS to the" in said
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("npm", b""),
        ("npm", b"not a tarball"),
        ("npm", ARCHIVES["npm"][1][:-20]),
        ("npm", ARCHIVES["npm"][1][:40]),
        ("deb", b"not an ar archive"),
        ("deb", b"!<arch>\n"),
        ("deb", b"!<arch>\n" + b"x" * 58 + b"`\n"),
        ("deb", ar({"debian-binary": b"2.0\n"})),
        ("deb", ar({"a": b""}).replace(b"0         `", b"-60       `")),
        ("deb", ar({"data.tar.xz": b"not xz"})),
        ("deb", ARCHIVES["deb"][1][:-200]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # bytes hold the time at which they were packed
)
def test_damaged_archives_are_one_line_each(kind, data, tmp_path):
    artefact, path = put(tmp_path, kind, data)
    said = message(artefact, local=path, cache=tmp_path / "cache")
    assert "is not the expected " + {"npm": "npm tarball", "deb": "Debian package"}[kind] in said


@pytest.mark.parametrize("kind", ["npm", "deb"])
def test_without_the_tool_or_the_network_the_way_out_is_told(kind, tmp_path, monkeypatch):
    monkeypatch.delenv("STEEPEST_ARTEFACTS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", "https://127.0.0.1:9/")
    artefact, _ = put(tmp_path, kind)
    said = message(artefact, cache=tmp_path / "cache")
    reason = {"npm": "(https://127.0.0.1:9/steepest-no-such-package/-/", "deb": "(apt-get: No such file"}[kind]
    assert f"steepest-no-such-package 1.0 cannot be downloaded {reason}" in said
    assert "under its own name, or to the folder it is in, or use your own" in said


def test_only_https_registries_are_asked(tmp_path, monkeypatch):
    monkeypatch.delenv("STEEPEST_ARTEFACTS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", tmp_path.as_uri())
    artefact, _ = put(tmp_path, "npm")
    assert "is not an https address" in message(artefact, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("kind", "tool", "complaint"),
    [("npm", "npm", "npm error code E404\nnpm error 404"), ("deb", "apt-get", "W: x\nE: Unable to locate package x")],
)
def test_a_tool_that_fails_is_quoted(kind, tool, complaint, tmp_path, monkeypatch):
    monkeypatch.delenv("STEEPEST_ARTEFACTS", raising=False)
    program = tmp_path / "bin" / tool
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf '{complaint}' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    artefact, _ = put(tmp_path, kind)
    reason = {"npm": "npm error code E404", "deb": "Unable to locate package x"}[kind]
    assert f"cannot be downloaded ({reason})" in message(artefact, cache=tmp_path / "cache")
    program.write_text("#!/bin/sh\nexit 0\n")
    assert "the download left no" in message(artefact, cache=tmp_path / "cache")


@pytest.mark.parametrize(("kind", "tool"), [("npm", "npm"), ("deb", "apt-get")])
def test_a_tool_downloads_into_a_folder_of_its_own(kind, tool, tmp_path, monkeypatch):
    artefact, path = put(tmp_path, kind)
    program = tmp_path / "bin" / tool
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport shutil, sys\nassert sys.argv[1] in ('pack', 'download')\n"
                       f"shutil.copy({str(path)!r}, '.')\n")  # fmt: skip
    program.chmod(0o755)
    monkeypatch.delenv("STEEPEST_ARTEFACTS", raising=False)
    monkeypatch.setenv("PATH", str(program.parent))
    assert fetch(artefact, cache=tmp_path / "cache")["package/data.txt"].read_bytes() == WANTED
