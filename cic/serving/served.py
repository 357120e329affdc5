"""The model that is served: put beside another it can take its place while requests go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.errors import CicError, ConfigError, ModelError
from cic.model.familiarity import judged
from cic.serving.bodies import SAMPLE, Profiles
from cic.serving.gene_lists import GAP, MOST_KEPT
from cic.using import Model

log = logging.getLogger("cic.serving")
LISTS_KEPT = 16
"""Lists of genes whose order is remembered: whoever asks again mostly sends the same."""
NO_COLUMNS = pd.Index([], dtype=object)
"""Of a table of ids alone, which pandas makes sooner if it need not make these."""


class Served:
    """A model, warm, that knows again in which order genes were sent.

    Attributes
    ----------
    model
        What answers.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._order = lru_cache(LISTS_KEPT)(self._found)
        genes = model.bundle.genes_in
        judged(model.bundle, np.ones((1, len(genes)), dtype=np.float32), pd.Index(["warm-up"]))

    @property
    def stamp(self) -> str:
        """Name and version of the model."""
        return self.model.stamp

    def matrix(self, profiles: Profiles) -> ExpressionMatrix:
        """Give profiles as the model takes them: its own genes in their order, where all of them are there.

        Raises
        ------
        DataError
            If ids repeat, or values cannot be of the model's unit.
        """
        named = profiles.named
        find = self._order if len(named) <= MOST_KEPT else self._found
        order = find(named) if isinstance(named, str) else None
        if order is not None:
            genes, values_SG = self.model.bundle.genes_in, np.take(profiles.values_SG, order, axis=1)
        else:
            genes, values_SG = tuple(profiles.genes), profiles.values_SG
        ids = pd.Index(profiles.samples, name=SAMPLE, dtype=object)
        samples = pd.DataFrame(np.empty((len(ids), 0)), ids, NO_COLUMNS)
        return ExpressionMatrix(values_SG, genes, samples, self.model.bundle.unit, "body")

    def _found(self, joined: str) -> np.ndarray | None:
        """Give where the model's genes stand in a list; `None` where some are missing, or any stands there twice."""
        names, wanted = joined.split(GAP), self.model.bundle.genes_in
        place = {gene: position for position, gene in enumerate(names)}
        if len(place) < len(names) or not all(gene in place for gene in wanted):
            return None
        return np.array([place[gene] for gene in wanted])


class Following:
    """The served model, and the alias by which it is exchanged.

    Parameters
    ----------
    look
        Gives the model that holds the alias, if its stamp is another than the one given.
    seconds
        Between two looks.

    Attributes
    ----------
    served
        What answers now. Whoever has taken it goes on with it; the exchange is one assignment.
    trouble
        What keeps the alias from being followed, in a few words; `None` while nothing does.
    """

    def __init__(self, model: Model, look: Callable[[str], Model | None] | None = None, seconds: float = 10.0) -> None:
        self.served, self.look, self.seconds = Served(model), look, seconds
        self.trouble: str | None = None
        self._over = threading.Event()

    def start(self) -> None:
        """Begin to look, in a thread of its own that ends with the process: a registry may take minutes to answer."""
        if self.look is not None:
            threading.Thread(target=self._follow, name="alias", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _follow(self) -> None:
        while not self._over.wait(self.seconds):
            self.look_once()

    def look_once(self) -> None:
        """Look at the alias, and serve what holds it now; whatever is wrong there, what is served goes on."""
        assert self.look is not None, "without an alias nothing is looked at"
        try:
            found = self.look(self.served.stamp)
            served = None if found is None else Served(found)
        except Exception as error:  # whatever a store or a damaged model makes of it, requests are answered
            trouble = _in_words(error)
            if trouble != self.trouble:
                log.warning("%s, and %s is served on: %s", trouble, self.served.stamp, error)
            self.trouble = trouble
            return
        if self.trouble is not None:
            log.warning("the registry is followed again")
        self.trouble = None
        if served is not None:
            log.warning("%s is served in place of %s", served.stamp, self.served.stamp)
            self.served = served


def _in_words(error: Exception) -> str:
    """Say what is wrong without addresses: anybody may ask."""
    if isinstance(error, ConfigError):
        return "the alias holds no version"
    if isinstance(error, ModelError):
        return "the version that holds the alias cannot be loaded"
    return "the registry does not answer" if isinstance(error, CicError) else "the registry cannot be asked"
