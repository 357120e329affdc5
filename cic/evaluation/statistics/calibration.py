"""Whether probabilities mean what they say: of the answers given with 80% certainty, 80% should be right.

Axes: S profiles, L labels, B bins, R simulations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import log_softmax

BINS = 15
"""Of equal numbers of profiles, ordered by certainty."""
FEWEST_IN_BIN = 10
"""There are fewer bins rather than fewer profiles in one."""
SIMULATIONS = 200


@dataclass(frozen=True)
class Answers:
    """How likely each label was said to be, and which it was."""

    log_probability_SL: np.ndarray
    label_S: np.ndarray

    @property
    def confidence_S(self) -> np.ndarray:
        """Probability of the answer, which is the likeliest label."""
        return np.exp(self.log_probability_SL.max(axis=1))

    @property
    def hit_S(self) -> np.ndarray:
        """Whether the answer is right."""
        return self.log_probability_SL.argmax(axis=1) == self.label_S

    @property
    def surprise(self) -> float:
        """Mean negative log-likelihood of the labels, in nats."""
        return -float(self.log_probability_SL[np.arange(len(self.label_S)), self.label_S].mean())


def answers(logit_SL: np.ndarray, label_S: np.ndarray, temperature_S: np.ndarray) -> Answers:
    """Turn logits into probabilities at the temperature of each profile's fold."""
    return Answers(log_softmax(logit_SL.astype(np.float64) / temperature_S[:, None], axis=1), label_S)


def reliability(confidence_S: np.ndarray, hit_S: np.ndarray) -> pd.DataFrame:
    """Give mean confidence, accuracy and n of bins of equal numbers of profiles: bin, confidence, accuracy, n."""
    order_S = np.argsort(confidence_S, kind="stable")
    bins = np.array_split(order_S, int(np.clip(len(order_S) // FEWEST_IN_BIN, 1, BINS)))
    rows = [
        (number, confidence_S[subset].mean(), hit_S[subset].mean(), len(subset))
        for number, subset in enumerate(bins, start=1)
    ]
    return pd.DataFrame(rows, columns=["bin", "confidence", "accuracy", "n"])


def calibration_error(table: pd.DataFrame) -> float:
    """Give the expected calibration error: the mean over profiles of |accuracy - confidence| of their bin."""
    return float(np.average((table["accuracy"] - table["confidence"]).abs(), weights=table["n"]))


def error_by_chance(confidence_S: np.ndarray, draw: np.random.Generator) -> float:
    """Give the calibration error to be expected if every probability were exactly right: that of so few profiles."""
    errors = [
        calibration_error(reliability(confidence_S, draw.random(len(confidence_S)) < confidence_S))
        for _ in range(SIMULATIONS)
    ]
    return float(np.mean(errors))
