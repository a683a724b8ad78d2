"""Data-parallel training in several processes, as `torchrun` starts them; with one process everything is the identity.

Every process holds the whole model and walks through the same program; they share the chunks of each update and add up
gradients and losses. Sums over processes differ from those of one process in the last bits.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Part = TypeVar("Part")


@contextmanager
def joined() -> Iterator[int]:
    """Join the processes that `torchrun` has started, gloo on a CPU and NCCL with one GPU each; yield their number."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count > 1:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield count
        wait()  # together: a process whose peers have gone can abort while it leaves
    finally:
        if count > 1:
            dist.destroy_process_group()
            gc.collect()  # gloo's threads end with the last reference to the group, which must not outlive the interpreter


def rank() -> int:
    """Return the number of this process; 0 prints and stores."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share(parts: Sequence[Part]) -> Sequence[Part]:
    """Return every size-th part, those of this process."""
    return parts[rank() :: size()]


def wait() -> None:
    """Wait until all processes are here."""
    if dist.is_initialized():
        dist.barrier()


def total(tensor: Tensor) -> Tensor:
    """Return the sum of a CPU tensor over processes."""
    if size() == 1:
        return tensor
    there = tensor.to(_device())
    dist.all_reduce(there)
    return there.cpu()


def sum_gradients(params: Iterable[Tensor]) -> None:
    """Add up `.grad` over processes, in one message; a process without a chunk contributes zeros."""
    if size() == 1:
        return
    params = list(params)
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
    flat = torch.cat([grad.flatten() for grad in grads])
    dist.all_reduce(flat)
    for param, grad in zip(params, torch.split(flat, [p.numel() for p in params]), strict=True):
        param.grad = grad.view_as(param)


def _device() -> torch.device:
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
