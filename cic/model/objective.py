"""What training goes down.

Axes: B batch, K coordinates of the basis, T targets, W code, F decoder features, L labels, U groups with a shift, D
regressors: features and shifts, P kinds of penalty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cic.config import Training
from cic.model.autoencoder import Autoencoder
from cic.model.group_share import Kin, group_share
from cic.model.left_out import GroupsOfSize, left_out_error
from cic.model.output_weights import penalties, sketch, sketched, weighted
from cic.model.shifts import with_shifts


@dataclass(frozen=True)
class Objective:
    """The loss of a batch: its error, each group left out in turn, the cross-entropy of its labels, what tells groups.

    Attributes
    ----------
    total
        Mean squared norm of the training profiles by their weights, which makes of the error unexplained variance.
    draw
        Of the noise on the profiles, and of the targets that stand for all coordinates.
    """

    network: Autoencoder
    input_noise: float
    config: Training
    total: float
    log_ridge_P: Tensor
    draw: torch.Generator

    def of_batch(
        self,
        z_BK: Tensor,
        shift_BU: Tensor,
        groups: Sequence[GroupsOfSize],
        label_B: Tensor | None,
        kin: Kin | None = None,
        root_B: Tensor | None = None,
    ) -> tuple[Tensor, float]:
        """Give the loss of some profiles, and the error in it: unexplained variance, 0 where there is no decoder.

        Parameters
        ----------
        root_B
            Square root of the weight of each; `None` where all count the same.
        """
        network, config = self.network, self.config
        noise_BK = torch.randn(z_BK.shape, generator=self.draw, device=z_BK.device)
        code_BW = network.encode_once(torch.add(z_BK, noise_BK, alpha=self.input_noise))
        loss, error = z_BK.new_zeros(()), 0.0
        if network.architecture.depth:
            regressor_BD = with_shifts(network.decoder_features(code_BW), shift_BU)
            # of a part as of the whole: it is noise over the variance of weights, however many profiles there are
            penalty_D = penalties(self.log_ridge_P, network.architecture, shift_BU.shape[1])
            mix_RC = sketch(z_BK.shape[1], config.exact_components, config.sketched_components, self.draw)
            target_BT = sketched(z_BK, config.exact_components, mix_RC)
            regressor_BD, target_BT = weighted(regressor_BD, root_B), weighted(target_BT, root_B)
            loss = left_out_error(regressor_BD, target_BT, penalty_D, groups) / (len(z_BK) * self.total)
            error = loss.item()
            if kin is not None:
                loss = loss + config.group_penalty * group_share(code_BW, kin)
        if label_B is not None and network.head is not None:
            logit_BL = network.label_logits(code_BW)
            label_loss = nn.functional.cross_entropy(logit_BL, label_B, ignore_index=-1)
            loss = loss + config.label_weight * label_loss
        return loss, error
