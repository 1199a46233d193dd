"""What the pages promise, read out of their text: exports, commands, links.

No page is read here; the functions take text, so that each can be shown to catch a lie.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

EXPORT_LIMIT = 30

EXPORTS = re.compile(r"<!-- exports:begin -->\n(.*?)<!-- exports:end -->", re.DOTALL)
EXPORT_ROW = re.compile(r"^\| `(\w+)[^`|]*` \|(.*)\|$", re.MULTILINE)
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([\w/-]+\.md)\)")


def reference_rows(page: str) -> dict[str, str]:
    """Name -> description, from the tables between the page's two export marks.

    A row is a line with the name in backquotes in its first cell, as in
    ``| `BlockJob` | the live job |``; a signature may follow the name inside the backquotes.
    Raises ValueError where the marks are missing.
    """
    section = EXPORTS.search(page)
    if section is None:
        raise ValueError("the reference page has no exports:begin and exports:end marks")
    return {name: text.strip(" |") for name, text in EXPORT_ROW.findall(section[1])}


def export_breaches(exports: Iterable[str], page: str) -> Iterator[str]:
    """Where `__all__` and the reference page differ, and rows that describe nothing."""
    rows, listed = reference_rows(page), list(dict.fromkeys(exports))
    missing = [name for name in listed if name not in rows]
    extra = [name for name in rows if name not in listed]
    yield from (f"{name} is exported but not in the reference" for name in missing)
    yield from (f"{name} is in the reference but not exported" for name in extra)
    yield from (f"{name} has no description" for name, text in rows.items() if not text)


def list_breaches(exports: Iterable[str]) -> Iterator[str]:
    """Too many exports, or the same one twice."""
    listed = list(exports)
    if len(listed) > EXPORT_LIMIT:
        yield f"{len(listed)} exports, at most {EXPORT_LIMIT}"
    yield from (f"{name} is listed twice" for name in sorted(set(listed)) if listed.count(name) > 1)


def undocumented(namespace: Mapping[str, object], exports: Iterable[str]) -> Iterator[str]:
    """Exported classes and functions without a docstring of their own.

    The text that `dataclass` makes up from the fields is not a docstring. A constant has its
    description in the reference page.
    """
    for name in exports:
        if name not in namespace:
            yield f"{name} is in __all__ but does not exist"
        elif callable(namespace[name]):
            text = namespace[name].__doc__
            if not text or text.startswith(f"{name}("):
                yield f"{name} has no docstring"


def shell_commands(page: str) -> list[str]:
    """The content of every fenced `sh` block, in order."""
    return [block.strip() for block in SHELL_BLOCK.findall(page)]


def linked_pages(page: str) -> set[str]:
    """The pages a page links to, as written."""
    return set(LINK.findall(page))
