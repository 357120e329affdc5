"""What else one could train: the same architecture by gradient descent over genes, and PCA.

Each gives its curve: seconds of training and validation error, looks at the validation part not counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from bench.data import over_genes, prepared
from cic.config import Training
from cic.model.autoencoder import Autoencoder, composed
from cic.model.training import Hyperparameters, new_network

SHAPE = Hyperparameters(depth=1, bottleneck_width=30)
"""Depth and widths that all rivals have."""


@dataclass(frozen=True)
class Settings:
    """What may be tuned of an autoencoder over genes.

    Attributes
    ----------
    start
        Random weights as PyTorch draws them, or PCA with layers beside it that add nothing yet, as ours starts.
    noise
        Standard deviation of what is added to every gene, in units of the spread along the first component.
    epochs
        Passes over the training profiles, over which the rate rises and falls; the best of them counts.
    """

    start: Literal["random", "pca"] = "pca"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    noise: float = 0.0
    batch: int = 128
    epochs: int = 100


@dataclass(frozen=True)
class Point:
    """Where a training stands after an epoch."""

    epoch: int
    seconds: float
    error: float


def network_over_genes(file: str, start: str) -> Autoencoder:
    """Give the untrained network with genes as inputs and outputs."""
    if start == "random":
        torch.manual_seed(1)
        ready = prepared(file, 0)
        return Autoencoder(SHAPE.architecture(len(ready.preprocessor.genes), 0))
    ready = prepared(file, 0)
    return composed(
        new_network(ready.fold, SHAPE, Training(refinements=0), 1), torch.from_numpy(ready.basis.components_GK)
    )


def descend(network: nn.Module, x_SG: Tensor, held_SG: Tensor, settings: Settings, stop_after: int) -> Iterator[Point]:
    """Train by AdamW on squared error, as one would by hand, on all cores; `stop_after` cuts its epochs short."""
    torch.manual_seed(1)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    batches = -(-len(x_SG) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.epochs * batches
    )
    total, spent = float(held_SG.square().sum()), 0.0
    for epoch in range(1, min(settings.epochs, stop_after) + 1):
        started = time.perf_counter()
        for index_B in torch.randperm(len(x_SG)).tensor_split(batches):
            x_BG = x_SG[index_B]
            noisy_BG = x_BG + settings.noise * torch.randn_like(x_BG) if settings.noise else x_BG
            loss = nn.functional.mse_loss(network(noisy_BG), x_BG, reduction="sum") / len(x_BG)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        spent += time.perf_counter() - started
        with torch.no_grad():
            error = float((network(held_SG) - held_SG).square().sum()) / total
        yield Point(epoch, spent, error)
        if not np.isfinite(error):
            return


def genes_by_torch(file: str, settings: Settings, stop_after: int = 10**9) -> list[Point]:
    """Train over genes by plain PyTorch."""
    x_SG, held_SG = map(torch.from_numpy, over_genes(file))
    return list(descend(network_over_genes(file, settings.start), x_SG, held_SG, settings, stop_after))


def pca_by_sklearn(file: str) -> tuple[float, float]:
    """Give the seconds and the validation error of scikit-learn's PCA with as many numbers."""
    from sklearn.decomposition import PCA

    x_SG, held_SG = over_genes(file)
    started = time.perf_counter()
    pca = PCA(SHAPE.bottleneck_width, svd_solver="randomized", random_state=1).fit(x_SG)
    again_SG = pca.inverse_transform(pca.transform(held_SG))
    seconds = time.perf_counter() - started
    return seconds, float(
        np.square(held_SG - again_SG, dtype=np.float64).sum() / np.square(held_SG, dtype=np.float64).sum()
    )


def genes_by_lightning(file: str, settings: Settings, stop_after: int = 10**9) -> list[Point]:
    """Train over genes by Lightning, with what its users write: a module and a loader."""
    import lightning
    from lightning.pytorch.callbacks import Callback
    from torch.utils.data import DataLoader, TensorDataset

    x_SG, held_SG = map(torch.from_numpy, over_genes(file))
    total = float(held_SG.square().sum())
    steps = settings.epochs * -(-len(x_SG) // settings.batch)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network_over_genes(file, settings.start)

        def training_step(self, batch: Any, _: int) -> Tensor:
            (x_BG,) = batch
            noisy_BG = x_BG + settings.noise * torch.randn_like(x_BG) if settings.noise else x_BG
            return nn.functional.mse_loss(self.network(noisy_BG), x_BG, reduction="sum") / len(x_BG)

        def validation_step(self, batch: Any, _: int) -> None:
            (x_BG,) = batch
            error = (self.network(x_BG) - x_BG).square().sum() / total
            self.log("error", error, on_epoch=True, reduce_fx="sum")

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(
                self.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
            )
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    class Clock(Callback):
        def __init__(self) -> None:
            self.points: list[Point] = []
            self.spent, self.began = 0.0, 0.0

        def on_train_epoch_start(self, *_: Any) -> None:
            self.began = time.perf_counter()

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            # Lightning validates inside the epoch: what that took is in `looking`
            self.spent += time.perf_counter() - self.began - self.looking
            self.points.append(Point(trainer.current_epoch + 1, self.spent, float(trainer.callback_metrics["error"])))

        def on_validation_start(self, *_: Any) -> None:
            self.looked = time.perf_counter()

        def on_validation_end(self, *_: Any) -> None:
            self.looking = time.perf_counter() - self.looked

    lightning.seed_everything(1, verbose=False)
    clock = Clock()
    trainer = lightning.Trainer(
        max_epochs=min(settings.epochs, stop_after),
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[clock],
    )
    trainer.fit(
        Module(),
        DataLoader(TensorDataset(x_SG), settings.batch, shuffle=True),
        DataLoader(TensorDataset(held_SG), settings.batch),
    )
    return clock.points
