"""Bytes on disk that are whole or absent."""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from pathlib import Path


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def write_synced(path: Path, data: bytes) -> str:
    """Write and sync one file; return its SHA-256."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return sha256(data)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data` in one step, making its folder; a reader sees the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        write_synced(temporary, data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_way(path: Path) -> Path | None:
    """Move a folder that lies where a file belongs to a fresh name beside it, and return that; None where there is none."""
    if not path.is_dir():
        return None
    return path.rename(path.with_name(f"damaged-{path.name}-{uuid.uuid4().hex[:8]}"))


def temporary_name(path: Path) -> Path:
    """Return a fresh hidden name beside `path` that says whose it is: host and process."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}")


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
