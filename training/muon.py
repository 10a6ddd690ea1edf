"""Muon: momentum whose matrix updates are made orthogonal (Jordan et al., 2024, "Muon: An optimizer for hidden layers").

Every weight matrix, and every convolution seen as the matrix [outputs, inputs * 9], moves by the nearest orthogonal matrix to
its momentum, so that all directions of the update have one length. Vectors (biases, norms) are left to AdamW.
"""

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic a x + b x^3 + c x^5, which pushes singular values towards 1


def orthogonalise(matrix: Tensor, iterations: int = 5) -> Tensor:
    """[rows, columns] -> about U V' of its singular value decomposition, by Newton-Schulz iteration."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()  # the iteration forgives rounding
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


def split_parameters(network: torch.nn.Module) -> tuple[list, list]:
    """(matrices and convolutions, for Muon; vectors and tables, for AdamW)."""
    matrices, others = [], []
    for name, parameter in network.named_parameters():
        is_matrix = parameter.ndim >= 2 and not name.endswith(("_table", "relative_position_params"))
        (matrices if is_matrix else others).append(parameter)
    return matrices, others


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonal updates, decoupled weight decay. Takes parameters of two or four dimensions."""

    def __init__(self, parameters, lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad.flatten(1)
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(gradient)
                momentum = state["momentum"].lerp_(gradient, 1 - group["momentum"])
                update = orthogonalise(gradient.lerp(momentum, group["momentum"]))
                rows, columns = update.shape
                # One root-mean-square length for every shape, that of Adam's updates (Liu et al., 2025).
                scale = 0.2 * max(rows, columns) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update.view(parameter.shape), alpha=-group["lr"] * scale)
