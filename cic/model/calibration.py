"""Probabilities that mean what they say: one temperature for all logits, fitted on profiles not trained on.

Temperature scaling (Guo et al. 2017, "On calibration of modern neural networks") changes no answer, only how sure it
sounds. Axes: S profiles, L labels.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures are sought between these."""
SPREAD = 1.0
"""Standard deviation of the logarithm of the temperature, before anything is seen."""


def temperature(logit_SL: np.ndarray, label_S: np.ndarray) -> float:
    """Give the number to divide logits by, so that the labels become most likely.

    Where every answer is right, likelihood alone would ask for boundless certainty. So the logarithm of the
    temperature is expected about 0, with standard deviation `SPREAD`: profiles that are told rightly and surely
    anyhow, or few of them, change little. This is the mode of the posterior.

    Parameters
    ----------
    logit_SL
        Logits of profiles not trained on; minus infinity for labels that cannot be answered.
    label_S
        Their labels (columns of `logit_SL`); -1 where unknown or not to be answered, which do not count.

    Returns
    -------
    float
        1 if no profile counts. Above 1 the classifier was too sure, below 1 not sure enough.
    """
    known_S = label_S >= 0
    logit_SL, label_S = np.asarray(logit_SL, dtype=np.float64)[known_S], label_S[known_S]
    n = len(label_S)
    if not n:
        return 1.0

    def loss(log_temperature: float) -> float:
        log_SL = log_softmax(logit_SL / np.exp(log_temperature), axis=1)
        return float((log_temperature / SPREAD) ** 2 / 2 - log_SL[np.arange(n), label_S].sum())

    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))
