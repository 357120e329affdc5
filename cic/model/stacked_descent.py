"""AdamW and the undoing of steps on stacked parameters, where each training has rates and mishaps of its own.

It is to a stack what `torch.optim.AdamW` and `cic.model.guard` are to one training: an optimizer of torch has one
learning rate, one count of steps and one memory for the whole of a tensor. Nothing of a training goes into another, and
nothing is read back from a card in a step.

Axes: N trainings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cic.model.training import BLOWN_UP, MOMENTA, MOST_UNDONE, WORTH_KEEPING

EPSILON = 1e-8
"""Of AdamW, as torch has it."""


class StackedDescent:
    """Parameters on their way down.

    Parameters
    ----------
    parameters
        By name, each with the leading axis N.
    rates, decays
        Learning rate and weight decay of each parameter in each training.

    Attributes
    ----------
    gave_up_N
        Trainings of which more than `MOST_UNDONE` steps in a row were undone.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        rates: Mapping[str, Sequence[float]],
        decays: Mapping[str, Sequence[float]],
    ) -> None:
        self.parameters = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        device = next(iter(parameters.values())).device
        self._rates_N, self._decays_N = (
            {name: torch.tensor(of[name], dtype=torch.float64, device=device) for name in parameters}
            for of in (rates, decays)
        )
        self._kept = {name: value.clone() for name, value in parameters.items()}
        self._first = {name: torch.zeros_like(value) for name, value in parameters.items()}
        self._second = {name: torch.zeros_like(value) for name, value in parameters.items()}
        n_trainings = len(next(iter(parameters.values())))
        self._factor_N = torch.ones(n_trainings, dtype=torch.float64, device=device)
        self._steps_N, self._undone_N = torch.zeros_like(self._factor_N), torch.zeros_like(self._factor_N)
        self.gave_up_N = torch.zeros(n_trainings, dtype=torch.bool, device=device)

    def step(self, loss_N: Tensor, error_N: Tensor, factor: float) -> Tensor:
        """Take a step along the gradient of each loss, or undo the last ones of a training which that has led astray.

        Parameters
        ----------
        error_N
            Unexplained variance, in which it is measured whether a training is astray.
        factor
            Of all learning rates, at this step.

        Returns
        -------
        Tensor
            Which trainings took the step.
        """
        gradients = torch.autograd.grad(loss_N.sum(), list(self.parameters.values()))
        with torch.no_grad():
            norms = [gradient.flatten(1).norm(dim=1) for gradient in gradients]
            good_N = (error_N < BLOWN_UP) & torch.isfinite(torch.stack([loss_N, *norms])).all(dim=0)
            keep_N = good_N & (error_N < WORTH_KEEPING)
            self._undone_N = torch.where(good_N, torch.where(keep_N, 0, self._undone_N), self._undone_N + 1)
            self._steps_N = torch.where(good_N, self._steps_N + 1, 0)
            self._factor_N = torch.where(good_N, self._factor_N, self._factor_N / 2)
            self.gave_up_N |= self._undone_N > MOST_UNDONE
            for name, gradient in zip(self.parameters, gradients, strict=True):
                self._move(name, gradient, factor, good_N, keep_N)
        return good_N

    def _move(self, name: str, gradient: Tensor, factor: float, good_N: Tensor, keep_N: Tensor) -> None:
        def each(value_N: Tensor) -> Tensor:
            return value_N.to(gradient.dtype).view(-1, *[1] * (gradient.ndim - 1))

        value, good = self.parameters[name], each(good_N) > 0
        self._kept[name] = kept = torch.where(each(keep_N) > 0, value, self._kept[name])
        first = torch.lerp(self._first[name], gradient, 1 - MOMENTA[0])
        second = torch.lerp(self._second[name], gradient.square(), 1 - MOMENTA[1])
        # the first step of a training, also the first since one was undone, has a count of 1
        bias_1_N, bias_2_N = (1 - momentum**self._steps_N for momentum in MOMENTA)
        rate_N = self._rates_N[name] * self._factor_N * factor
        step = each(rate_N / bias_1_N) * first / (second.sqrt() / each(bias_2_N.sqrt()) + EPSILON)
        value.copy_(torch.where(good, value * each(1 - rate_N * self._decays_N[name]) - step, kept))
        self._first[name], self._second[name] = torch.where(good, first, 0), torch.where(good, second, 0)

    def select(self, at_n: Tensor) -> None:
        """Go on with these trainings only."""
        self.parameters = {name: value.detach()[at_n].requires_grad_() for name, value in self.parameters.items()}
        for by_name in (self._rates_N, self._decays_N, self._kept, self._first, self._second):
            by_name.update({name: value[at_n] for name, value in by_name.items()})
        self._factor_N, self._steps_N = self._factor_N[at_n], self._steps_N[at_n]
        self._undone_N, self.gave_up_N = self._undone_N[at_n], self.gave_up_N[at_n]
