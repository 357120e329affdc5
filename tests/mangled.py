"""Files of text as people and programs mangle them, by name: what no flipped bit makes of a table.

Each takes the text of a whole table of `mutants` and gives bytes.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator

import numpy as np

Mangled = Callable[[str, np.random.Generator], bytes]


def _lines(text: str) -> list[str]:
    return text.splitlines()


def _joined(lines: list[str], end: str = "\n") -> bytes:
    return (end.join(lines) + end).encode()


def _numbers(text: str) -> list[re.Match[str]]:
    """Give where the numbers of the table stand: between two delimiters or at the end of a line."""
    return [*re.finditer(r"(?<=[,\t])\d+(?:\.\d+)?(?=[,\t\n])", text)]


def _one_number(new: str) -> Mangled:
    def mangle(text: str, draw: np.random.Generator) -> bytes:
        found = _numbers(text)
        at = found[int(draw.integers(len(found)))]
        return (text[: at.start()] + new.replace("#", at[0]) + text[at.end() :]).encode()

    return mangle


def _every_number(change: Callable[[str], str]) -> Mangled:
    def mangle(text: str, draw: np.random.Generator) -> bytes:
        for at in reversed(_numbers(text)):
            text = text[: at.start()] + change(at[0]) + text[at.end() :]
        return text.encode()

    return mangle


def _at_a_line(change: Callable[[list[str], int], list[str]]) -> Mangled:
    def mangle(text: str, draw: np.random.Generator) -> bytes:
        lines = _lines(text)
        return _joined(change(lines, int(draw.integers(1, len(lines)))))

    return mangle


def _shuffled(text: str, draw: np.random.Generator) -> bytes:
    lines = _lines(text)
    at = [place for place, line in enumerate(lines) if _numbers(line + "\n")]
    for place, taken in zip(at, draw.permutation(at), strict=True):
        lines[place] = _lines(text)[taken]
    return _joined(lines)


MANGLED: dict[str, Mangled] = {
    "rows in another order": _shuffled,
    "cut after the header": lambda text, draw: _joined(_lines(text)[:1]),
    "cut after a line": lambda text, draw: _joined(_lines(text)[: int(draw.integers(1, len(_lines(text))))]),
    "cut within a line": lambda text, draw: text[: int(draw.integers(1, len(text)))].encode(),
    "nothing": lambda text, draw: b"",
    "one line end": lambda text, draw: b"\n",
    "a line twice": _at_a_line(lambda lines, at: [*lines[:at], lines[at], *lines[at:]]),
    "a line gone": _at_a_line(lambda lines, at: lines[:at] + lines[at + 1 :]),
    "a line empty": _at_a_line(lambda lines, at: [*lines[:at], "", *lines[at:]]),
    "a line of blanks": _at_a_line(lambda lines, at: [*lines[:at], "   ", *lines[at:]]),
    "two lines in one": _at_a_line(lambda lines, at: [*lines[: at - 1], lines[at - 1] + lines[at], *lines[at + 1 :]]),
    "a comment": _at_a_line(lambda lines, at: [*lines[:at], "# measured twice", *lines[at:]]),
    "a comment above": lambda text, draw: ("# measured twice\n" + text).encode(),
    "a cell less": _at_a_line(
        lambda lines, at: [*lines[:at], re.sub(r"[,\t][^,\t]*$", "", lines[at]), *lines[at + 1 :]]
    ),
    "a cell more": _at_a_line(lambda lines, at: [*lines[:at], lines[at] + lines[at][-2:], *lines[at + 1 :]]),
    "no first cell": lambda text, draw: re.sub(r"^[^,\t\n]*[,\t]", "", text, count=1).encode(),
    "text": _one_number("high"),
    "nothing in a cell": _one_number(""),
    "NA": _one_number("NA"),
    "NaN": _one_number("nan"),
    "infinite": _one_number("inf"),
    "beyond float": _one_number("1e999"),
    "beyond float32": _one_number("3e39"),
    "hexadecimal": _one_number("0x1F"),
    "underscored": _one_number("1_0"),
    "thousands": _one_number("1,234"),
    "quoted thousands": _one_number('"1,234"'),
    "a quoted number": _one_number('"#"'),
    "an open quote": _one_number('"#'),
    "a blank before": _one_number(" #"),
    "a blank after": _one_number("# "),
    "a sign": _one_number("+#"),
    "a minus": _one_number("-#"),
    "an exponent": _one_number("#e2"),
    "a fraction": _one_number("#.5"),
    "true": _one_number("TRUE"),
    "a formula": _one_number("=1+1"),
    "a zero byte": _one_number("#\0"),
    "a letter of other digits": _one_number("٣"),
    "all with exponents": _every_number(lambda one: f"{float(one):.3e}"),
    "all with points": _every_number(lambda one: f"{float(one):.1f}"),
    "all quoted": _every_number(lambda one: f'"{one}"'),
    "all with decimal commas": _every_number(lambda one: f"{float(one):.2f}".replace(".", ",")),
    "carriage returns too": lambda text, draw: _joined(_lines(text), "\r\n"),
    "carriage returns alone": lambda text, draw: _joined(_lines(text), "\r"),
    "no last line end": lambda text, draw: text.rstrip("\n").encode(),
    "a byte order mark": lambda text, draw: b"\xef\xbb\xbf" + text.encode(),
    "UTF-16": lambda text, draw: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text, draw: text.encode("utf-16-le"),
    "an umlaut in Latin-1": lambda text, draw: text.replace("GENE1", "GÈNE1").encode("latin-1"),
    "an umlaut in UTF-8": lambda text, draw: text.replace("GENE1", "GÈNE1").encode(),
    "a gene twice": lambda text, draw: re.sub(r"GENE3\b", "GENE2", text).encode(),
    "a sample twice": lambda text, draw: re.sub(r"\bs3\b", "s2", text).encode(),
    "a gene without a name": lambda text, draw: re.sub(r"GENE3\b", "", text).encode(),
    "semicolons": lambda text, draw: re.sub(r"[,\t]", ";", text).encode(),
    "commas and tabs exchanged": lambda text, draw: text.translate(str.maketrans(",\t", "\t,")).encode(),
    "blanks for delimiters": lambda text, draw: re.sub(r"[,\t]", " ", text).encode(),
    "a delimiter at each end": lambda text, draw: re.sub(r"([,\t])(.*)$", r"\1\2\1", text, flags=re.M).encode(),
    "gzip twice": lambda text, draw: gzip.compress(gzip.compress(text.encode(), mtime=0), mtime=0),
    "two gzips in a row": lambda text, draw: b"".join(
        gzip.compress(part.encode(), mtime=0) for part in (text[: len(text) // 2], text[len(text) // 2 :])
    ),
    "a gzip and waste": lambda text, draw: gzip.compress(text.encode(), mtime=0) + b"waste",
    "a gzip that ends early": lambda text, draw: gzip.compress(text.encode(), mtime=0)[:-9],
}  # fmt: skip


def mangled(content: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """Give mangled copies of a file of text, each by its name; one that was gzipped is so again."""
    packed = content[:2] == b"\x1f\x8b"
    text = (gzip.decompress(content) if packed else content).decode()
    for number, (name, mangle) in enumerate(MANGLED.items()):
        made = mangle(text, np.random.default_rng([seed, number]))
        yield name, gzip.compress(made, mtime=0) if packed and "gzip" not in name else made
