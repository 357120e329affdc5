"""The training loop: results as they come, and whoever drives it stops when it has seen enough.

The decoder's output is linear in its last features, so its best output weights are known in closed form: ridge
regression. Only the layers before it are trained by gradient descent, on the error that this regression makes on each
training group when it is fitted to all the others (variable projection, Golub and Pereyra 1973; `cic.model.left_out`).
The training loss is therefore an estimate of held-out error, and does not fall when the model merely memorises.
Groups are those that the split keeps whole: left out singly, a replicate would be foretold by its twin.

Axes: S samples, B batch, K coordinates of the basis, T targets, W code, F decoder features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from cic.config import Training
from cic.model.architecture import Architecture
from cic.model.autoencoder import Autoencoder
from cic.model.fold import Fold
from cic.model.group_share import Kin, group_share, kin_of
from cic.model.guard import Guard
from cic.model.left_out import GroupsOfSize, groups_by_size
from cic.model.objective import Objective
from cic.model.output_weights import log_ridge_start, solve_output_weights, weighted
from cic.model.shifts import shift_columns
from cic.seeds import derive_seed

LINEAR_PATH_RATE = 0.2
"""Learning rate of the linear path over that of the layers beside it: it starts where PCA is."""
HEAD_RATE = 0.05
"""Learning rate of the classifier on the code: it is linear, and starts at zero."""
RIDGE_RATE = 0.03
"""Learning rate of the logarithms of the ridge penalties."""
MOMENTA = (0.6, 0.95)
"""Of AdamW: with the whole of the profiles in each step there is little noise to average out, and short memory is
quicker (docs/tried.md has the rest)."""
LEAST_CURVATURE = 128
"""Components of the basis that tell the curvature of a refinement, at least; four times the code's width where that is
more."""
WARM_UP = 0.2
"""Share of the epochs in which the learning rate rises."""
BLOWN_UP = 10.0
"""Error of the training profiles, in units of their variance, above which a step has led astray."""
WORTH_KEEPING = 2.0
"""Error below which a step starts from a place worth going back to."""
MOST_UNDONE = 10
"""Steps in a row that are undone, each time at half the learning rate, before training is given up."""


class Hyperparameters(BaseModel):
    """What the search chooses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: Annotated[int, Field(ge=0, le=5)]
    bottleneck_width: Annotated[int, Field(ge=1)]
    hidden_width: Annotated[int, Field(ge=1)] = 256
    activation: Literal["elu", "gelu"] = "gelu"
    learning_rate: Annotated[float, Field(gt=0)] = 0.045
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.1, description="decoupled, on the encoder's hidden layers")
    input_noise: Annotated[float, Field(ge=0)] = Field(
        0.03, description="standard deviation of Gaussian noise; 1 is the spread along the first component"
    )
    feature_scale: Annotated[float, Field(gt=0)] = Field(
        0.5, description="how far the decoder's first features bend over the spread of the code, to begin with"
    )

    def architecture(self, n_inputs: int, refinements: int, n_labels: int = 0) -> Architecture:
        """Give the shape of the network over `n_inputs` coordinates."""
        shape = self.model_dump(include={"depth", "bottleneck_width", "hidden_width", "activation"})
        curvature = max(LEAST_CURVATURE, 4 * self.bottleneck_width)
        return Architecture(n_inputs=n_inputs, refinements=refinements, curvature=curvature, n_labels=n_labels, **shape)


@dataclass(frozen=True)
class EpochResult:
    """What training had come to after an epoch.

    Attributes
    ----------
    train_error
        Unexplained variance of the training profiles by their weights, each group left out of the regression in turn.
    validation_error
        Unexplained variance of the validation profiles in gene space: squared error over squared distance from the
        training mean.
    validation_loss
        What is trained, on the validation profiles: their error, with a head `label_weight` times the cross-entropy of
        their labels added, with a penalty `group_penalty` times the share by which groups are told from the codes of
        training profiles. The best epoch is the one where it is lowest.
    validation_accuracy
        Share of the validation profiles whose label the head tells; `None` without a head.
    """

    epoch: int
    train_error: float
    validation_error: float
    validation_loss: float
    validation_accuracy: float | None


def new_network(fold: Fold, hyper: Hyperparameters, config: Training, seed: int) -> Autoencoder:
    """Give an untrained network: PCA of the fold's training profiles, and layers that add nothing yet."""
    architecture = hyper.architecture(fold.z_train_SK.shape[1], config.refinements, fold.n_labels)
    if fold.n_lent:  # their directions stand behind the own ones, and are not the least
        architecture = architecture.model_copy(update={"curvature": 0})
    network = Autoencoder(architecture)
    spread_K = torch.from_numpy(np.sqrt(np.mean(np.square(fold.own_train_SK, dtype=np.float64), axis=0))).float()
    network.initialise(spread_K, hyper.feature_scale, torch.Generator().manual_seed(derive_seed(seed, "weights")))
    return network


def train(
    network: Autoencoder, fold: Fold, hyper: Hyperparameters, config: Training, seed: int, device: str = "cpu"
) -> Iterator[EpochResult]:
    """Train `network` in place, and tell every `validate_every` epochs how it does.

    Whenever it yields, the network's output weights are those that ridge regression on all training profiles gives.
    With labels, the loss has `label_weight` times the cross-entropy on the code added, and with groups `group_penalty`
    times the share of the code that tells them apart. At depth 0 the code is PCA's
    and stays that; only a head is trained.

    A step after which the loss is not finite or beyond all measure is undone, and the learning rate halved from there
    on. Where that does not help, the last result has errors that are not finite.

    Parameters
    ----------
    network
        From `new_network`.
    seed
        Of the order of profiles and the noise.
    device
        `cpu` or a CUDA device.
    """
    draw = torch.Generator(device).manual_seed(derive_seed(seed, "epochs"))
    network.to(device)
    z_SK = torch.from_numpy(fold.z_train_SK).to(device)
    root_S = root_weights(fold, device)
    kin = kin_of(fold.group_train_S, fold.kind_train_S, z_SK)
    shift_SU = shift_columns(fold.shift_train_S, z_SK)
    batches = _batches(fold, z_SK, shift_SU, root_S, kin, config, draw)
    validation = ValidationPart(fold, config.label_weight, device)
    log_ridge_P = log_ridge_start(network.architecture.members, device)
    optimizer = torch.optim.AdamW(parameter_groups(network, hyper, log_ridge_P), betas=MOMENTA, fused=True)
    steps = config.epochs * steps_an_epoch(len(z_SK), config)
    guard = Guard(network, log_ridge_P, optimizer)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: guard.rate * one_cycle(step / steps))
    optimizer.step()  # without gradients it moves nothing; the schedule wants to see one before its own first step
    total = float(weighted(z_SK, root_S).square().mean(dim=0).sum())
    objective = Objective(network, hyper.input_noise, config, total, log_ridge_P, draw)
    train_error = math.nan
    for epoch in range(1, config.epochs + 1):
        network.train()
        error_sum, n_seen = 0.0, 0
        for batch in batches():
            loss, error = objective.of_batch(*batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if error < BLOWN_UP and guard.finite(loss):
                error_sum, n_seen = error_sum + error * len(batch[0]), n_seen + len(batch[0])
                if error < WORTH_KEEPING:
                    guard.keep()
                optimizer.step()
            else:
                guard.undo()
            schedule.step()
            if guard.undone > MOST_UNDONE:
                yield EpochResult(epoch, math.nan, math.nan, math.nan, None)
                return
        train_error = error_sum / n_seen if n_seen else train_error  # that of the last epoch with a good step
        if epoch % config.validate_every == 0 or epoch == config.epochs:
            network.eval()
            if network.architecture.depth:
                solve_output_weights(network, z_SK, shift_SU, log_ridge_P, root_S)
            with torch.no_grad():
                told = reconstructed(network, validation.z_SK)
                penalty = config.group_penalty * group_share(network.encode(z_SK), kin).item() if kin else 0.0
            yield EpochResult(epoch, train_error, *validation.judged(*told, penalty=penalty))


Batch = tuple[Tensor, Tensor, list[GroupsOfSize], Tensor | None, Kin | None, Tensor | None]
"""Profiles, their shifts, the groups that are left out, labels, the groups that are not to be told apart, and roots of
weights."""


def root_weights(fold: Fold, device: str) -> Tensor | None:
    """Give the square root of the weight of each training profile; `None` where all count the same."""
    root_S = fold.root_weight_train_S
    return None if root_S is None else torch.from_numpy(root_S).to(device)


def _batches(
    fold: Fold,
    z_SK: Tensor,
    shift_SU: Tensor,
    root_S: Tensor | None,
    kin: Kin | None,
    config: Training,
    draw: torch.Generator,
) -> Callable[[], Iterator[Batch]]:
    """Give what an epoch goes through, all at once where there are few profiles."""
    unit_S = torch.from_numpy(fold.unit_train_S).to(z_SK.device)
    label_S = None if fold.label_train_S is None else torch.from_numpy(fold.label_train_S).to(z_SK.device)
    if len(z_SK) <= config.batch_size:
        whole = (z_SK, shift_SU, groups_by_size(unit_S), label_S, kin, root_S)
        return lambda: iter([whole])

    n_batches = steps_an_epoch(len(z_SK), config)

    def shuffled() -> Iterator[Batch]:
        order_S = torch.randperm(len(z_SK), generator=draw, device=z_SK.device)[: n_batches * config.batch_size]
        for index_B in torch.tensor_split(order_S, n_batches):
            label_B, root_B = (None if each is None else each[index_B] for each in (label_S, root_S))
            kin_B = None if kin is None else kin.at(index_B)
            yield z_SK[index_B], shift_SU[index_B], groups_by_size(unit_S[index_B]), label_B, kin_B, root_B

    return shuffled


def steps_an_epoch(n_samples: int, config: Training) -> int:
    """Give how many batches an epoch has: all profiles once, or a part of them where `most_steps` does not allow it."""
    return min(math.ceil(n_samples / config.batch_size), max(config.most_steps // config.epochs, 1))


def one_cycle(progress: float) -> float:
    """Give the factor of the learning rate at `progress` from 0 to 1: a rise, then a cosine to nearly 0."""
    if progress < WARM_UP:
        return max(progress / WARM_UP, 1e-3)
    return max(0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))), 1e-3)


def parameter_groups(network: Autoencoder, hyper: Hyperparameters, log_ridge_P: Tensor) -> list[dict[str, Any]]:
    """Give what is descended to, in groups with a learning rate and a weight decay each."""
    rate = hyper.learning_rate
    groups: list[dict[str, Any]] = []
    if network.head is not None:
        groups.append({"params": list(network.head.parameters()), "lr": HEAD_RATE, "weight_decay": 0.0})
    if network.architecture.depth:
        encoder = [*network.encoder_hidden.parameters(), *network.encoder_last.parameters()]
        groups += [
            {"params": encoder, "lr": rate, "weight_decay": hyper.weight_decay},
            {"params": list(network.decoder_hidden.parameters()), "lr": rate, "weight_decay": 0.0},
            {"params": [network.encoder_linear.weight], "lr": rate * LINEAR_PATH_RATE, "weight_decay": 0.0},
            {"params": [log_ridge_P], "lr": RIDGE_RATE, "weight_decay": 0.0},
        ]
    return groups


def reconstructed(network: Autoencoder, z_SK: Tensor) -> tuple[Tensor, ...]:
    """Give the squared error of all reconstructions, inside the basis, and the logits where there is a head."""
    code_SW = network.encode(z_SK)
    inside = torch.sum(torch.square(network.decode(code_SW) - z_SK), dtype=torch.float64)
    return (inside,) if network.head is None else (inside, network.label_logits(code_SW))


class ValidationPart:
    """The validation profiles of a fold, and what reconstructing them comes to."""

    def __init__(self, fold: Fold, label_weight: float, device: str) -> None:
        self.z_SK = torch.from_numpy(fold.z_validation_SK).to(device)
        label_S = None if fold.label_validation_S is None else torch.from_numpy(fold.label_validation_S).to(device)
        self._label_S, self._label_weight = label_S, label_weight
        self._outside, self._total = float(fold.outside_validation_S.sum()), float(fold.total_validation_S.sum())

    def judged(
        self, inside: Tensor, logit_SL: Tensor | None = None, *, penalty: float = 0.0
    ) -> tuple[float, float, float | None]:
        """Give error, loss and accuracy as in `EpochResult`, from what `reconstructed` gives and a penalty."""
        error, accuracy = (inside.item() + self._outside) / self._total, None
        loss, label_S = error + penalty, self._label_S
        if label_S is not None and logit_SL is not None and bool((known_S := label_S >= 0).any()):
            logit_SL = logit_SL[known_S]
            accuracy = (logit_SL.argmax(dim=1) == label_S[known_S]).float().mean().item()
            loss += self._label_weight * nn.functional.cross_entropy(logit_SL, label_S[known_S]).item()
        return error, loss, accuracy
