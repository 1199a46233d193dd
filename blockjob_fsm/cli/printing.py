"""The option that says how results are printed, which several commands have."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer


class Print(Enum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


PrintOption = Annotated[Print, typer.Option("--format", help="Lines, or one JSON object.")]
