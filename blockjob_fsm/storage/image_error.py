"""The error of an image that cannot be used as asked: which file, what is wrong, what to do.

Whatever opens image files or reads their formats raises it; nothing else of theirs may enter here.
"""

from __future__ import annotations

import errno as errno_codes

CHECK = "look at it with `qemu-img check`, and repair a copy with `qemu-img check -r all`"
CONVERT = "make a plain one with `qemu-img convert -O qcow2`"


class ImageError(OSError):
    """A refused or damaged image. A disk's failure to jobs, since it is an OSError.

    `errno` is EINVAL for what is no valid image, ENOTSUP for a valid one that needs what we lack,
    EIO for damage met in tables. `what` is wrong with `filename`; `remedy` says what to do, or is
    empty. `str()` is one line.
    """

    def __init__(self, errno: int, what: str, filename: str, remedy: str = "") -> None:
        super().__init__(errno, what, filename)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.filename}: {self.what}"
        return f"{text}; {self.remedy}" if self.remedy else text


def damaged(filename: str, what: str) -> ImageError:
    """The error for tables that contradict themselves or the file."""
    return ImageError(errno_codes.EIO, what, filename, CHECK)
