"""The commands with their options, and what the end of a run means for the exit status.

What a command does is in its own file; only `typer`'s view of it is here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.cli import check as run_check
from blockjob_fsm.cli import options
from blockjob_fsm.cli.commit import CommitOrder
from blockjob_fsm.cli.commit import commit as run_commit
from blockjob_fsm.cli.conform import conform as run_conform
from blockjob_fsm.cli.conform import play_script
from blockjob_fsm.cli.copies import Order, copy
from blockjob_fsm.cli.copying import BackingUp, Mirroring
from blockjob_fsm.cli.demo import demo as run_demo
from blockjob_fsm.cli.diagram import changes as run_changes
from blockjob_fsm.cli.diagram import diagram as run_diagram
from blockjob_fsm.cli.images import ImageFormat
from blockjob_fsm.cli.injecting import injected
from blockjob_fsm.cli.lifecycles import SAFE, LifecycleName, chosen, report_name
from blockjob_fsm.cli.matrix import compare_matrix
from blockjob_fsm.cli.printing import Print, PrintOption
from blockjob_fsm.cli.problems import Problem, Status, because, say
from blockjob_fsm.cli.progress import Show
from blockjob_fsm.cli.story import Story
from blockjob_fsm.cli.stream import StreamOrder
from blockjob_fsm.cli.stream import stream as run_stream
from blockjob_fsm.cli.tracing import trace
from blockjob_fsm.diagram import FORMATS, PICTURES
from blockjob_fsm.error_action import OnError

# What typer raises for a wrong command line, whichever parser stands behind it.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="blockjob",
    help="Run, check and draw QEMU's block jobs.",
    epilog="Example: blockjob mirror disk.img copy.img",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(trace, name="trace")


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"blockjob {version('blockjob-fsm')}")
        except PackageNotFoundError:
            print("blockjob (not installed)")
        raise typer.Exit


@app.callback()
def _common(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


# Options, by what they ask.
LifecycleOption = Annotated[LifecycleName, typer.Option("--lifecycle", help="Which lifecycle.")]
ProfileOption = Annotated[
    str, typer.Option("--profile", metavar="RELEASE", help="The rules as shipped, or a release's.")
]
Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="The image to copy; - is standard input.")
]
Target = Annotated[str, typer.Argument(metavar="TARGET", help="The copy; - is standard output.")]
SyncMode = Annotated[Sync, typer.Option(help="What to copy of a chain.")]
OnSourceError = Annotated[OnError, typer.Option(help="When reading the source fails.")]
OnTargetError = Annotated[OnError, typer.Option(help="When writing the target fails.")]
ReadPolicy = Annotated[OnError, typer.Option("--rerror", help="The drive's own policy for reads.")]
WritePolicy = Annotated[
    OnError, typer.Option("--werror", help="The drive's own policy for writes.")
]
Speed = Annotated[
    str, typer.Option(metavar="BYTES", help="At most so many a second; K, M, G, T; 0: no limit.")
]
Image = Annotated[str, typer.Argument(metavar="IMAGE", help="The image; its chain comes along.")]
FormatOfImage = Annotated[
    ImageFormat | None, typer.Option("--format", help="Format of IMAGE; else by its first bytes.")
]
Existing = Annotated[bool, typer.Option("--existing", help="Overwrite TARGET, which must exist.")]
SourceFormat = Annotated[
    ImageFormat | None, typer.Option("--format", help="Format of SOURCE; else by its first bytes.")
]
TargetFormat = Annotated[
    ImageFormat | None, typer.Option(help="Format of TARGET; else that of SOURCE.")
]
Progress = Annotated[
    Show, typer.Option(help="A bar, plain lines where there is no terminal, or JSON lines.")
]
Inject = Annotated[
    list[str] | None,
    typer.Option(metavar="EVENT:ERRNO[:SECTOR[:once]]", help="Have a request fail."),
]


@app.command(epilog="Example: blockjob mirror --speed 100M disk.img copy.img")
def mirror(
    source: Source,
    target: Target,
    sync: SyncMode = Sync.FULL,
    on_source_error: OnSourceError = OnError.REPORT,
    on_target_error: OnTargetError = OnError.REPORT,
    rerror: ReadPolicy = OnError.REPORT,
    werror: WritePolicy = OnError.ENOSPC,
    speed: Speed = "0",
    existing: Existing = False,
    source_format: SourceFormat = None,
    target_format: TargetFormat = None,
    progress: Progress = Show.AUTO,
    inject: Inject = None,
) -> int:
    """Copy a whole image, holes as holes.

    TARGET is made as TARGET.partial, gets its name when it is whole, and must not exist without
    --existing. A copy that failed is left as TARGET.partial; one that you interrupt is removed.
    """
    order = Order(
        Mirroring,
        source=source,
        target=target,
        sync=sync,
        on_source_error=on_source_error,
        on_target_error=on_target_error,
        rerror=rerror,
        werror=werror,
        speed=options.speed(speed),
        existing=existing,
        source_format=source_format,
        target_format=target_format,
        show=progress,
        faults=tuple(map(injected, inject or ())),
    )
    return copy(order)


@app.command(epilog="Example: blockjob backup --target-format qcow2 disk.img saved.qcow2")
def backup(
    source: Source,
    target: Target,
    sync: SyncMode = Sync.FULL,
    on_source_error: OnSourceError = OnError.REPORT,
    on_target_error: OnTargetError = OnError.REPORT,
    rerror: ReadPolicy = OnError.REPORT,
    werror: WritePolicy = OnError.ENOSPC,
    speed: Speed = "0",
    existing: Existing = False,
    source_format: SourceFormat = None,
    target_format: TargetFormat = None,
    progress: Progress = Show.AUTO,
    inject: Inject = None,
) -> int:
    """Save an image as it is when the job begins.

    TARGET is made as TARGET.partial, gets its name when it is whole, and must not exist without
    --existing. A backup that failed is left as TARGET.partial; one that you interrupt is removed.
    """
    order = Order(
        BackingUp,
        source=source,
        target=target,
        sync=sync,
        on_source_error=on_source_error,
        on_target_error=on_target_error,
        rerror=rerror,
        werror=werror,
        speed=options.speed(speed),
        existing=existing,
        source_format=source_format,
        target_format=target_format,
        show=progress,
        faults=tuple(map(injected, inject or ())),
    )
    return copy(order)


@app.command(epilog="Example: blockjob stream --base base.img disk.qcow2")
def stream(
    image: Image,
    base: Annotated[
        str | None, typer.Option(metavar="FILE", help="Stop above it; else take in all.")
    ] = None,
    on_error: Annotated[OnError, typer.Option(help="When reading or writing fails.")] = (
        OnError.REPORT
    ),
    rerror: ReadPolicy = OnError.REPORT,
    werror: WritePolicy = OnError.ENOSPC,
    speed: Speed = "0",
    image_format: FormatOfImage = None,
    progress: Progress = Show.AUTO,
    inject: Inject = None,
) -> int:
    """Pull what lies below IMAGE into it, so that it needs its backing file no more.

    With --base it needs only that one. Whatever stops the job, IMAGE reads as before.
    """
    order = StreamOrder(
        image,
        base=base,
        on_error=on_error,
        rerror=rerror,
        werror=werror,
        speed=options.speed(speed),
        image_format=image_format,
        show=progress,
        faults=tuple(map(injected, inject or ())),
    )
    return run_stream(order)


@app.command(epilog="Example: blockjob commit --top middle.qcow2 disk.qcow2")
def commit(
    image: Image,
    top: Annotated[
        str, typer.Option(metavar="FILE", help="The image to merge; it lies below IMAGE.")
    ],
    base: Annotated[
        str | None, typer.Option(metavar="FILE", help="Where to; else the lowest image.")
    ] = None,
    speed: Speed = "0",
    image_format: FormatOfImage = None,
    progress: Progress = Show.AUTO,
    inject: Inject = None,
) -> int:
    """Merge an image below IMAGE down into one further below.

    All from --top down to --base is dropped from the chain; the files stay. Whatever stops the
    job, IMAGE reads as before.
    """
    order = CommitOrder(
        image,
        top=top,
        base=base,
        speed=options.speed(speed),
        image_format=image_format,
        show=progress,
        faults=tuple(map(injected, inject or ())),
    )
    return run_commit(order)


@app.command(epilog="Example: blockjob demo --format json")
def demo(print_as: PrintOption = Print.TEXT) -> int:
    """Stream a small image chain through a full disk, mirror it, compare every byte."""
    return run_demo(Story(as_json=print_as is Print.JSON))


@app.command(epilog="Example: blockjob check --mutant cancel-keeps-pause")
def check(
    lifecycle: LifecycleOption = LifecycleName.CLASSIC,
    profile: ProfileOption = SAFE,
    mutant: Annotated[
        str | None, typer.Option(metavar="NAME", help="Check a broken variant instead.")
    ] = None,
    list_mutants: Annotated[
        bool, typer.Option("--list-mutants", help="Name the broken variants, and stop.")
    ] = False,
    every_row: Annotated[
        bool, typer.Option("--every-row", help="A line for each property on each model.")
    ] = False,
    print_as: PrintOption = Print.TEXT,
) -> int:
    """Explore a lifecycle and its jobs exhaustively, and judge every property.

    The exit status is 0 if all of them hold, 1 if one is violated, 3 if one is undecided or the
    figures are not those expected.
    """
    name, as_json = report_name(lifecycle, profile), print_as is Print.JSON
    if list_mutants:
        return run_check.list_mutants(name, as_json=as_json)
    return run_check.check(name, mutant, every_row=every_row, as_json=as_json)


@app.command(epilog="Example: blockjob diagram --picture cancel --format svg -o cancel.svg")
def diagram(
    lifecycle: LifecycleOption = LifecycleName.CLASSIC,
    profile: ProfileOption = SAFE,
    picture: Annotated[
        str, typer.Option(metavar="NAME", help=f"{', '.join(PICTURES)}, or an event's name.")
    ] = "lifecycle",
    diff: Annotated[
        str | None, typer.Option(metavar="RELEASE", help="Draw what this release does otherwise.")
    ] = None,
    print_as: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help=f"{', '.join(FORMATS)}.")
    ] = "mermaid",
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="- is standard output.")
    ] = "-",
) -> int:
    """Draw a lifecycle from its rows, or what differs between two of its releases."""
    drawn = chosen(lifecycle, profile)
    if diff is not None:
        other = chosen(lifecycle, diff)
        return run_changes(drawn, other, (profile, diff), print_as, output)
    return run_diagram(drawn, picture, print_as, output)


@app.command(epilog="Example: blockjob conform --qemu --sequences 100")
def conform(
    qemu: Annotated[
        bool, typer.Option("--qemu", help="Compare with the installed qemu-storage-daemon.")
    ] = False,
    sequences: Annotated[int, typer.Option(min=1, help="How many random sessions.")] = 150,
    seed: Annotated[int, typer.Option(min=0, help="What they are drawn from.")] = 0,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Ask every verb in every condition instead.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write a differing session there.")
    ] = None,
    script: Annotated[
        Path | None, typer.Option(help="Play this session instead of random ones; - is stdin.")
    ] = None,
    print_as: PrintOption = Print.TEXT,
) -> int:
    """Play random sessions of QMP commands to our jobs and to the real QEMU, and compare.

    The exit status is 1 at the first difference, which is told as a shell script as short as it
    gets; --script plays one again.
    """
    if not qemu:
        raise Problem("conform: says nothing of whom to compare with: give --qemu")
    as_json = print_as is Print.JSON
    if matrix:
        return compare_matrix(as_json=as_json)
    if script is not None:
        return play_script(script, as_json=as_json)
    return run_conform(sequences=sequences, seed=seed, output=output, as_json=as_json)


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments; returns the exit status."""
    try:
        status = int(app(args=argv, prog_name="blockjob", standalone_mode=False) or 0)
        if sys.stdout is not None:
            sys.stdout.flush()
    except Problem as problem:
        say(str(problem))
        status = problem.status
    except _UsageError as error:
        status = _complain(error)
    except (KeyboardInterrupt, typer.Abort):
        status = Status.INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        status = Status.FAILED
    except OSError as error:
        _forget_output()
        say(f"{error.filename or 'standard output'}: {because(error)}")
        status = Status.FAILED
    return int(status)


def _complain(error: Exception) -> Status:
    """Say in one line what is wrong with the command line; the help text as it is."""
    message = str(getattr(error, "format_message", error.__str__)()).replace("Value error, ", "")
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "blockjob")
    if "\n" in message:
        print(message, file=sys.stderr)
    else:
        print(f"{path}: {message.rstrip('.')}: see {path} --help", file=sys.stderr)
    return Status.USAGE


def _forget_output() -> None:
    """Keep the interpreter from writing out again at its end what could not be written."""
    with suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
