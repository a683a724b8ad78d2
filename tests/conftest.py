"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch

torch.set_num_threads(1)  # two pytest workers on two cores; more threads than cores only wait for each other

# Files that take more than some seconds, most of them in processes of their own; `make check` leaves them out.
SLOW = {
    "test_amplification_figures", "test_answer", "test_appendix_linear", "test_artefacts", "test_bigram",
    "test_checkpoint", "test_cli_commands", "test_cli_diagnose", "test_cli_failures", "test_cli_new", "test_cli_pipes",
    "test_cli_surface", "test_code", "test_compare_page", "test_counting", "test_diagnose", "test_distance_and_counts",
    "test_distributed", "test_distributed_monitor", "test_eject", "test_examples", "test_exporters", "test_figures",
    "test_figures_end_to_end", "test_glyphs", "test_huggingface", "test_interruption", "test_lockstep",
    "test_paper_figures", "test_readme", "test_report_browser", "test_shards", "test_sign_steps", "test_store_faults",
    "test_stream", "test_table1", "test_testing", "test_theory", "test_train", "test_tutorials", "test_watch",
    "test_zipf_figures", "test_zipf_iterations",
}  # fmt: skip


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)
