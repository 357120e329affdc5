"""Steps of a training that blow up are undone."""

from __future__ import annotations

import torch
from torch import Tensor

from cic.model.autoencoder import Autoencoder


class Guard:
    """Keeps what a step starts from, so that one which blows up can be undone.

    Attributes
    ----------
    rate
        Factor of the learning rate: 1, and half as much after each undoing.
    undone
        Steps undone since the last place worth keeping.
    """

    def __init__(self, network: Autoencoder, log_ridge_P: Tensor, optimizer: torch.optim.Optimizer) -> None:
        self.rate, self.undone = 1.0, 0
        self._tensors = [*network.parameters(), log_ridge_P]
        self._kept = [tensor.detach().clone() for tensor in self._tensors]
        self._optimizer = optimizer

    def finite(self, loss: Tensor) -> bool:
        """Say whether the loss and all gradients are finite."""
        norms = [tensor.grad.norm() for tensor in self._tensors if tensor.grad is not None]
        return bool(torch.isfinite(torch.stack([loss.detach(), *norms])).all())

    @torch.no_grad()
    def keep(self) -> None:
        """Remember this place."""
        self.undone = 0
        torch._foreach_copy_(self._kept, self._tensors)

    @torch.no_grad()
    def undo(self) -> None:
        """Go back to the place that was kept, at half the rate and without momentum."""
        self.undone += 1
        self.rate /= 2
        torch._foreach_copy_(self._tensors, self._kept)
        self._optimizer.state.clear()
