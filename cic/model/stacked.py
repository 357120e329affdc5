"""Trainings of one shape on one fold side by side: the tensors of `cic.model.training` with a leading axis.

Networks this small leave a card idle one by one. Each training keeps its own seeds, rates, undone steps and end, and
comes to what it comes to alone, but for rounding: sums over a stack are taken in another order.

Axes: N trainings, S samples, B batch, K coordinates of the basis, R the rest of them, T targets, W code, F decoder
features, L labels, U groups with a shift, D regressors: features and shifts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cic.config import Training
from cic.model.autoencoder import Autoencoder
from cic.model.fold import Fold
from cic.model.group_share import Kin, group_share, kin_of
from cic.model.left_out import GroupsOfSize, groups_by_size, left_out_error
from cic.model.output_weights import log_ridge_start, penalties, ridge_weights, sketch, sketched, weighted
from cic.model.shifts import shift_columns, with_shifts
from cic.model.stacked_descent import StackedDescent
from cic.model.training import (
    EpochResult,
    Hyperparameters,
    ValidationPart,
    new_network,
    one_cycle,
    parameter_groups,
    reconstructed,
    root_weights,
    steps_an_epoch,
)
from cic.seeds import derive_seed

RIDGE = "log_ridge_P"
"""Name of the penalties among the parameters."""


Question = Callable[[Autoencoder, Tensor], tuple[Tensor, ...]]


class _Batch(NamedTuple):
    """Profiles that each training steps on, shifts, groups of rows of all trainings, labels, groups untold, weights."""

    z_NBK: Tensor
    shift_NBU: Tensor
    groups: list[GroupsOfSize]
    label_NB: Tensor | None
    kin: Kin | None
    root_NB: Tensor | None


class StackedTraining:
    """What `cic.model.training.train` does to one network, done to several of one shape; of depth 1 at least.

    Parameters
    ----------
    hypers, seeds
        Of each training. Depth, widths and activation are the same in all.
    """

    def __init__(
        self,
        fold: Fold,
        hypers: Sequence[Hyperparameters],
        config: Training,
        seeds: Sequence[int],
        device: str = "cpu",
    ) -> None:
        networks = [new_network(fold, hyper, config, seed) for hyper, seed in zip(hypers, seeds, strict=True)]
        self._config, self._architecture = config, networks[0].architecture
        ridges = [log_ridge_start() for _ in networks]
        groups = [_settings(*each) for each in zip(networks, hypers, ridges, strict=True)]
        weights = {name: [network.state_dict()[name] for network in networks] for name in networks[0].state_dict()}
        stacked = {name: torch.stack(each).to(device) for name, each in {**weights, RIDGE: ridges}.items()}
        descended = groups[0].keys()
        self._descent = StackedDescent(
            {name: stacked[name] for name in descended},
            {name: [group[name]["lr"] for group in groups] for name in descended},
            {name: [group[name]["weight_decay"] for group in groups] for name in descended},
        )
        self._others = {name: value for name, value in stacked.items() if name not in descended}
        self._stack = _Stack(networks[0])
        self._noise_N = torch.tensor([hyper.input_noise for hyper in hypers], device=device)
        self._draws = [torch.Generator(device).manual_seed(derive_seed(seed, "epochs")) for seed in seeds]
        self._z_SK = torch.from_numpy(fold.z_train_SK).to(device)
        self._unit_S = torch.from_numpy(fold.unit_train_S).to(device)
        self._label_S = None if fold.label_train_S is None else torch.from_numpy(fold.label_train_S).to(device)
        self._shift_SU = shift_columns(fold.shift_train_S, self._z_SK)
        self._kin = kin_of(fold.group_train_S, fold.kind_train_S, self._z_SK)
        self._root_S = root_weights(fold, device)
        self._total = float(weighted(self._z_SK, self._root_S).square().mean(dim=0).sum())
        self._validation = ValidationPart(fold, config.label_weight, device)
        self._train_error_N = torch.full((len(seeds),), math.nan, dtype=torch.float64, device=device)
        self._gave_up_in: list[int | None] = [None] * len(seeds)
        self._whole: _Batch | None = None

    def run(self) -> Iterator[list[EpochResult]]:
        """Train, and tell every `validate_every` epochs how each training does.

        Between two looks trainings may be dropped with `keep`. One that is given up stays, with errors that are not
        finite and the epoch of its last step, until it is dropped.
        """
        config = self._config
        n_steps, step = config.epochs * steps_an_epoch(len(self._z_SK), config), 0
        for epoch in range(1, config.epochs + 1):
            error_sum_N, n_seen_N = torch.zeros_like(self._train_error_N), torch.zeros_like(self._train_error_N)
            for batch in self._batches():
                loss_N, error_N = self._objective(batch)
                good_N = self._descent.step(loss_N, error_N.detach(), one_cycle(step / n_steps))
                n_rows = batch.z_NBK.shape[1]
                error_sum_N += torch.where(good_N, error_N.detach().double() * n_rows, 0)
                n_seen_N += good_N * n_rows
                step += 1
            self._train_error_N = torch.where(n_seen_N > 0, error_sum_N / n_seen_N, self._train_error_N)
            gave_up = self._descent.gave_up_N.tolist()
            self._gave_up_in = [
                in_ or (epoch if up else None) for in_, up in zip(self._gave_up_in, gave_up, strict=True)
            ]
            if epoch % config.validate_every == 0 or epoch == config.epochs:
                yield self._look(epoch)

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with the trainings at these positions only, in this order."""
        at_n = torch.tensor(positions, dtype=torch.int64, device=self._z_SK.device)
        self._descent.select(at_n)
        self._others = {name: value[at_n] for name, value in self._others.items()}
        self._noise_N, self._train_error_N = self._noise_N[at_n], self._train_error_N[at_n]
        self._draws = [self._draws[position] for position in positions]
        self._gave_up_in = [self._gave_up_in[position] for position in positions]
        self._whole = None

    def weights(self, position: int) -> dict[str, Tensor]:
        """Give the weights of one network, as its `state_dict` has them."""
        return {name: value[position].detach() for name, value in self._weights().items()}

    def _weights(self) -> dict[str, Tensor]:
        return {name: value for name, value in {**self._descent.parameters, **self._others}.items() if name != RIDGE}

    def _penalties(self) -> Tensor:
        return penalties(self._descent.parameters[RIDGE], self._architecture, self._shift_SU.shape[1])

    def _batches(self) -> Iterator[_Batch]:
        """Give what an epoch goes through, as `cic.model.training` does."""
        n_samples, config, device = len(self._z_SK), self._config, self._z_SK.device
        if n_samples <= config.batch_size:
            if self._whole is None:
                self._whole = self._batch(torch.arange(n_samples, device=device).expand(len(self._draws), -1))
            yield self._whole
            return
        n_batches = steps_an_epoch(n_samples, config)
        orders = [torch.randperm(n_samples, generator=draw, device=device) for draw in self._draws]
        order_NS = torch.stack(orders)[:, : n_batches * config.batch_size]
        for index_NB in torch.tensor_split(order_NS, n_batches, dim=1):
            yield self._batch(index_NB)

    def _batch(self, index_NB: Tensor) -> _Batch:
        apart_N1 = torch.arange(len(index_NB), device=index_NB.device)[:, None] * (self._unit_S.max() + 1)
        groups = groups_by_size((self._unit_S[index_NB] + apart_N1).flatten())
        label_NB = None if self._label_S is None else self._label_S[index_NB]
        kin = None if self._kin is None else self._kin.at(index_NB)
        root_NB = None if self._root_S is None else self._root_S[index_NB]
        return _Batch(self._z_SK[index_NB], self._shift_SU[index_NB], groups, label_NB, kin, root_NB)

    def _objective(self, batch: _Batch) -> tuple[Tensor, Tensor]:
        """Give loss and error of each training, as `cic.model.objective` does of one."""
        config, z_NBK, label_NB = self._config, batch.z_NBK, batch.label_NB
        n_rows = z_NBK.shape[1]
        # each training draws its noise and then its sketch, as it does alone
        drawn = [
            (
                torch.randn(z_NBK.shape[1:], generator=draw, device=z_NBK.device),
                sketch(z_NBK.shape[2], config.exact_components, config.sketched_components, draw),
            )
            for draw in self._draws
        ]
        noise_NBK = torch.stack([noise_BK for noise_BK, _ in drawn])
        mixes = [mix_RC for _, mix_RC in drawn if mix_RC is not None]
        target_NBT = sketched(z_NBK, config.exact_components, torch.stack(mixes) if mixes else None)
        seen_NBK = torch.addcmul(z_NBK, noise_NBK, self._noise_N[:, None, None])
        code_NBW, feature_NBF, *logits = self._stack.ask(_features, self._weights(), seen_NBK)
        regressor_NBD = with_shifts(feature_NBF, batch.shift_NBU)
        regressor_NBD, target_NBT = weighted(regressor_NBD, batch.root_NB), weighted(target_NBT, batch.root_NB)
        error_N = left_out_error(regressor_NBD, target_NBT, self._penalties(), batch.groups) / (n_rows * self._total)
        loss_N = error_N
        if batch.kin is not None:
            loss_N = loss_N + config.group_penalty * group_share(code_NBW, batch.kin)
        if label_NB is None or not logits:
            return loss_N, error_N
        (logit_NBL,) = logits
        entropy_NB = nn.functional.cross_entropy(logit_NBL.mT, label_NB, ignore_index=-1, reduction="none")
        return loss_N + config.label_weight * entropy_NB.sum(dim=1) / (label_NB >= 0).sum(dim=1), error_N

    @torch.no_grad()
    def _look(self, epoch: int) -> list[EpochResult]:
        def features_of(z_BK: Tensor) -> Tensor:
            return self._stack.ask(_features, self._weights(), z_BK)[1]

        weight_NFK = ridge_weights(features_of, self._z_SK, self._shift_SU, self._penalties(), self._root_S)
        solved = self._stack.network.output_layers(weight_NFK)
        self._others.update({name: value.contiguous() for name, value in solved.items()})
        told = self._stack.ask(reconstructed, self._weights(), self._validation.z_SK)
        penalty_N = torch.zeros_like(self._train_error_N)
        if self._kin is not None:
            (code_NSW,) = self._stack.ask(_codes, self._weights(), self._z_SK)
            penalty_N = self._config.group_penalty * group_share(code_NSW, self._kin)
        results = []
        for position, train_error in enumerate(self._train_error_N.tolist()):
            if (gave_up_in := self._gave_up_in[position]) is not None:
                results.append(EpochResult(gave_up_in, math.nan, math.nan, math.nan, None))
            else:
                judged = self._validation.judged(*(each[position] for each in told), penalty=penalty_N[position].item())
                results.append(EpochResult(epoch, train_error, *judged))
        return results


class _Stack(nn.Module):
    """A network that is asked with the weights of several others."""

    def __init__(self, network: Autoencoder) -> None:
        super().__init__()
        self.network = network.to("meta")

    def forward(self, question: Question, z_BK: Tensor) -> tuple[Tensor, ...]:
        """Ask the network, with the weights that are lent to it."""
        return question(self.network, z_BK)

    def ask(self, question: Question, weights: dict[str, Tensor], z: Tensor) -> tuple[Tensor, ...]:
        """Give what `question` gives with each of the stacked weights, on profiles of each (NBK) or the same (BK)."""

        def answer(weights_of_one: dict[str, Tensor], z_BK: Tensor) -> tuple[Tensor, ...]:
            return torch.func.functional_call(self, weights_of_one, (question, z_BK))

        named = {f"network.{name}": value for name, value in weights.items()}
        return torch.func.vmap(answer, in_dims=(0, 0 if z.ndim == 3 else None))(named, z)


def _codes(network: Autoencoder, z_BK: Tensor) -> tuple[Tensor, ...]:
    return (network.encode(z_BK),)


def _features(network: Autoencoder, z_BK: Tensor) -> tuple[Tensor, ...]:
    code_BW = network.encode_once(z_BK)
    feature_BF = network.decoder_features(code_BW)
    told = (code_BW, feature_BF)
    return told if network.head is None else (*told, network.label_logits(code_BW))


def _settings(network: Autoencoder, hyper: Hyperparameters, log_ridge_P: Tensor) -> dict[str, dict[str, Any]]:
    """Give learning rate and weight decay of each parameter that is descended to."""
    names = {id(value): name for name, value in network.named_parameters()} | {id(log_ridge_P): RIDGE}
    return {
        names[id(value)]: group for group in parameter_groups(network, hyper, log_ridge_P) for value in group["params"]
    }
