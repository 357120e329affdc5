"""How sure to be between which labels: logits mended by what they say of left-out profiles.

Discriminants take all labels to vary alike, and where they don't they are too sure between some labels and not sure
enough between others, which no temperature mends. So the logits of left-out profiles are told anew by multinomial
logistic regression that changes little unless many of them ask for it: matrix scaling (Guo et al. 2017, "On calibration
of modern neural networks") with a prior on what it adds to a temperature, as of Kull et al. (2019, "Beyond temperature
scaling"). What is linear stays so.

Axes: N left-out profiles, L labels, l those that some left-out profile has.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from cic.model.calibration import temperature

ADDED, CONSTANT = 3.0, 0.4
"""Standard deviations in nats, before anything is seen, of what weights add to a usual logit, and of constants."""
FEWEST = 10
"""Groups of a label of which left-out profiles say nothing: the heads that tell them knew too much less of it. A label
with no more stays as it is: what many others gain would be taken from it."""
STEPS = 200


def recalibration(logit_NL: np.ndarray, label_N: np.ndarray, unit_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give by what to multiply logits, and what to add to them, so that the labels become likely.

    Parameters
    ----------
    logit_NL
        Logits of profiles not trained on, finite for every label that one of them has.
    label_N
        Their labels (columns of `logit_NL`).
    unit_N
        Number of the group that was left out with each: all of a group may be wrong together, so groups are counted.

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        Weights L x L and constants L: mended logits are logits @ weights + constants. Labels of few groups, or of none,
        are only divided by the temperature that all are. The unit matrix and 0 where nothing is to be told.
    """
    n_labels = logit_NL.shape[1]
    n_units_L = np.bincount(np.unique(np.column_stack([label_N, unit_N]), axis=0)[:, 0], minlength=n_labels)
    known_N = (n_units_L > FEWEST)[label_N]
    logit_NL, label_N, unit_N = logit_NL[known_N], label_N[known_N], unit_N[known_N]
    label_l, at_N = np.unique(label_N, return_inverse=True)
    size = len(label_l)
    if size < 2:
        return np.eye(n_labels), np.zeros(n_labels)
    # worth as many independent profiles, the less the fewer groups each label has
    counts_as = len(np.unique(unit_N)) * (1 - FEWEST / n_units_L[label_N]).mean()
    centred_NL = logit_NL - logit_NL[:, label_l].mean(axis=1, keepdims=True)
    centred_Nl = centred_NL[:, label_l] / (by := temperature(logit_NL, label_N))
    usual = float(np.sqrt(np.square(centred_Nl).sum(axis=1).mean())) or 1.0
    of_label_Nl, weight = np.eye(size)[at_N], counts_as / len(label_N)
    precision = np.concatenate([np.full(size * size, (usual / ADDED) ** 2), np.full(size, CONSTANT**-2)])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        added_ll, constant_l = flat[: size * size].reshape(size, size), flat[size * size :]
        log_Nl = log_softmax(centred_Nl + centred_Nl @ added_ll + constant_l, axis=1)
        slope_Nl = weight * (np.exp(log_Nl) - of_label_Nl)
        slope = np.concatenate([(centred_Nl.T @ slope_Nl).ravel(), slope_Nl.sum(axis=0)])
        value = precision @ flat**2 / 2 - weight * (log_Nl * of_label_Nl).sum()
        return float(value), slope + precision * flat

    flat = minimize(loss, np.zeros(len(precision)), method="L-BFGS-B", jac=True, options={"maxiter": STEPS}).x
    weight_LL, constant_L, from_l = np.eye(n_labels), np.zeros(n_labels), np.ix_(label_l, label_l)
    weight_LL[from_l] += flat[: size * size].reshape(size, size)
    centring_LL = np.eye(n_labels)
    centring_LL[label_l] -= 1 / size
    constant_L[label_l] = flat[size * size :]
    return centring_LL @ weight_LL / by, constant_L
