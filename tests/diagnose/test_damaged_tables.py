"""Tables with one wrong bit, or cut off anywhere, are counted or refused in one line; they never end the process."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from steepest.diagnose.counting import count
from steepest.diagnose.inputs import open_input
from steepest.diagnose.tokenization import Tokenization
from steepest.errors import SteepestError

TEXTS = ["cat", "dog", "", "naïve", None, "cat", "zebra", "a b c"]
IDS = [3, 1, None, -1, 5, 5, 100, 3]
COLUMNS = {
    "text": pa.array(TEXTS),
    "large text": pa.array(TEXTS, pa.large_string()),
    "text view": pa.array([text and text * 6 for text in TEXTS], pa.string_view()),
    "bytes": pa.array(TEXTS).cast(pa.binary()),
    "ids": pa.array(IDS),
    "truth": pa.array([True, False, None, True] * 2),
    "lists": pa.array([[1, 2], [], None, [3]] * 2, pa.list_(pa.int32())),
    "pairs": pa.array([[1, 2], [2, 2], None, [3, 4]] * 2, pa.list_(pa.int32(), 2)),
    "named texts": pa.array(TEXTS).dictionary_encode(),
    "named ids": pa.array(IDS).dictionary_encode(),
}
DAMAGES = 24  # of each table


def tables(folder: Path) -> dict[Path, Tokenization | None]:
    """Write every kind of column as a stream, plain and compressed, and as Parquet; return how each is counted."""
    found: dict[Path, Tokenization | None] = {}
    for name, values in COLUMNS.items():
        table = pa.table({"id": pa.array(range(len(values))), "label": values})
        for packing in (None, "lz4", "zstd"):
            path = folder / f"{name} {packing}.arrow"
            with pa.ipc.new_stream(path, table.schema, options=pa.ipc.IpcWriteOptions(compression=packing)) as writer:
                writer.write_table(table, max_chunksize=5)
            found[path] = Tokenization("words") if "text" in name and packing is None and "named" not in name else None
        path = folder / f"{name}.parquet"
        pq.write_table(table, path, row_group_size=5)
        found[path] = None
    return found


def damaged(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(8 * len(data))
    if draw.random() < 0.1:
        return data[: at // 8]
    return data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]


def outcome(path: Path, how: Tokenization | None) -> str:
    try:
        *_, total = count(open_input(str(path), "label", as_text=how is not None), how)
        total.result()
    except SteepestError as error:  # also a column whose name is damaged
        return "refused" if path.name in str(error) and "\n" not in str(error) else str(error)
    return "counted"


def test_no_wrong_bit_ends_the_process_or_in_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["whole"] == {"counted": 4 * len(COLUMNS)}
    assert sum(found["damaged"].values()) == DAMAGES * 4 * len(COLUMNS)
    assert found["damaged"]["refused"] > found["damaged"]["counted"] > 0  # a wrong bit of padding is no damage


def main(folder: Path) -> None:
    draw, whole, broken = random.Random(0), Counter[str](), Counter[str]()
    for path, how in tables(folder).items():
        whole[outcome(path, how)] += 1
        data = path.read_bytes()
        for _ in range(DAMAGES):
            path.unlink()  # what is still mapped keeps its bytes
            path.write_bytes(damaged(data, draw))
            broken[outcome(path, how)] += 1
    print(json.dumps({"whole": whole, "damaged": broken}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
