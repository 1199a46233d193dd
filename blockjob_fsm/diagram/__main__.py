"""`python -m blockjob_fsm.diagram docs README.md`: write the generated pages and the picture."""

from __future__ import annotations

import sys
from pathlib import Path

from blockjob_fsm.diagram.modern_pages import modern_pages
from blockjob_fsm.diagram.pages import COMMAND, pages, with_picture
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import RELEASES


def main(arguments: list[str]) -> int:
    """Write the pages into a folder and the picture into a README; 2 for wrong usage."""
    if len(arguments) != 2 or not Path(arguments[0]).is_dir():
        sys.stderr.write(f"usage: {COMMAND}\n")
        return 2
    folder, readme = map(Path, arguments)
    written = pages(CLASSIC, CLASSIC_1_3) | modern_pages(tuple(map(modern, RELEASES)))
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    text = readme.read_text(encoding="utf-8")
    readme.write_text(with_picture(text, CLASSIC), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
