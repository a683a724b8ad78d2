"""What all tests share."""

import torch

torch.set_num_threads(1)  # two pytest workers on two cores; more threads than cores only wait for each other
