"""The page by which a server lists a folder: names of files and folders directly in it, and nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

from cic.errors import ServiceError

NAME = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,199}")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def listed(page: str, folder: str) -> dict[str, str]:
    """Give the addresses of what a page lists, by name; folders have a `/` at the end of theirs.

    Links to anywhere but directly into the folder (its parent, other servers, other orders) are passed over.

    Parameters
    ----------
    folder
        The address of the page, with `/` at its end.

    Raises
    ------
    ServiceError
        If a name would lead out of a folder that it is written to.
    """
    links = _Links()
    links.feed(page)
    found: dict[str, str] = {}
    for link in links.found:
        try:
            url = urljoin(folder, link)
        except ValueError:  # no address at all
            continue
        inner = url.removeprefix(folder)
        if inner == url or not inner or "?" in inner or "#" in inner or "/" in inner[:-1]:
            continue
        name = unquote(inner.removesuffix("/"))
        if not NAME.fullmatch(name):
            raise ServiceError(
                f"it lists a file called {name!r}, which would be written somewhere else", where=folder,
                expected="plain names", fix="see that this is the server that you mean (CIC_GEO_URL)",
            )  # fmt: skip
        found[name + "/" * inner.endswith("/")] = url
    return found
