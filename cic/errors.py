"""The errors that users see: what was found, where, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class CicError(Exception):
    """A fault that the user can understand and mend; shown without a traceback.

    Parameters
    ----------
    found
        What is wrong, in one sentence.
    where
        The file, and the place in it, or the option or service concerned.
    expected
        What would have been right.
    fix
        What to do about it.
    """

    exit_code = 1

    def __init__(
        self, found: str, *, where: str | None = None, expected: str | None = None, fix: str | None = None
    ) -> None:
        self.found, self.where, self.expected, self.fix = found, where, expected, fix
        named = {"where": where, "expected": expected, "what to do": fix}
        super().__init__("\n".join([found, *(f"  {name}: {text}" for name, text in named.items() if text)]))

    def __reduce__(self) -> tuple[Any, ...]:
        # keyword-only arguments are lost on the way back from a worker process otherwise
        return _rebuild, (type(self), self.found, self.where, self.expected, self.fix)


def _rebuild(kind: type[CicError], found: str, where: str | None, expected: str | None, fix: str | None) -> CicError:
    return kind(found, where=where, expected=expected, fix=fix)


class ConfigError(CicError, ValueError):
    """A parameter is unknown, misspelt or out of range."""

    exit_code = 2


class DataError(CicError, ValueError):
    """A data file is not what it was declared to be."""

    exit_code = 3


class ModelError(CicError, ValueError):
    """A model bundle is damaged, or the input does not meet its contract."""

    exit_code = 4


class ServiceError(CicError, RuntimeError):
    """A server, store or worker is missing or does not answer."""

    exit_code = 5


class RefusedError(CicError):
    """The gate, or a check before it, said no."""

    exit_code = 6


class UnfamiliarError(CicError):
    """Most of the profiles are unlike those that the model was tried on; the output was written all the same."""

    exit_code = 7


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Say what to install where the block imports a package that is not there.

    Parameters
    ----------
    extra
        The extra of ours that brings it, such as `train`.
    what
        What is not possible without, for the message.

    Raises
    ------
    ConfigError
        If a package of others is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package in ("cic", "flows", "None"):
            raise
        raise ConfigError(
            f"{what} needs the package `{package}`, which is not installed", where="environment",
            expected=f"what `cic[{extra}]` brings", fix=f"pip install 'cic[{extra}]'",
        ) from None  # fmt: skip
