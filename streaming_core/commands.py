"""The commands of ``planecast``."""

from __future__ import annotations

import importlib
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table

from streaming_core import client
from streaming_core.errors import (
    InvalidImage,
    MissingDependency,
    PlanecastError,
    Undelivered,
    ViewerNotFound,
)
from streaming_core.files import FileProblem, Pattern, expand, images
from streaming_core.fleet import doctor as diagnosis
from streaming_core.fleet.display import has_display
from streaming_core.fleet.registry import find
from streaming_core.picture import count
from streaming_core.viewer import Viewer

app = typer.Typer(
    help="Live viewing of any Python program's images in napari and Fiji.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

Port = Annotated[
    int | None, typer.Option(help="Control port of the viewer; port + 1000 is used too.")
]
Virtual = Annotated[
    bool, typer.Option("--virtual", help="Give a new viewer a virtual display, for servers.")
]
Python = Annotated[
    str | None, typer.Option(help="Interpreter of another environment that has the viewer.")
]

NOBODY = "no viewer runs here"

ImageKind: TypeAlias = Literal["image", "labels"]

FIJI = typer.Option(
    "--fiji", help="Folder of a Fiji, an endpoint such as sc.fiji:fiji, or 'embedded'."
)


def _tell_version(asked: bool) -> None:
    if asked:
        out.print(f"planecast {version('planecast')}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what happens.")] = False,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which it is."),
    ] = False,
) -> None:
    """Set up what all commands share."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR, format="planecast: %(message)s"
    )


def bar(console: Console) -> Progress:
    """Make the progress bar that commands show."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), console=console,
    )  # fmt: skip


def _announce(viewer: Viewer) -> None:
    state = viewer.state()
    out.print(f"{state['engine']} on port {viewer.port} (pid {state['pid']})")


@app.command()
def napari(port: Port = None, virtual: Virtual = False, python: Python = None) -> None:
    """Find or start a napari viewer. It stays when the command has ended."""
    with client.launch("napari", port, virtual=virtual, python=python) as viewer:
        _announce(viewer)


@app.command()
def fiji(
    port: Port = None,
    virtual: Virtual = False,
    headless: Annotated[bool, typer.Option("--headless", help="No window at all.")] = False,
    python: Python = None,
    which: Annotated[str | None, FIJI] = None,
) -> None:
    """Find or start a Fiji viewer. It stays when the command has ended."""
    with client.launch(
        "fiji", port, virtual=virtual, headless=headless, python=python, fiji=which
    ) as viewer:
        _announce(viewer)


@app.command()
def show(
    files: Annotated[
        list[str], typer.Argument(help="TIFF files, folders or patterns such as 'plate/*.tif'.")
    ],
    pattern: Annotated[
        str | None,
        typer.Option(help="Components in the names: '{well}_s{site}_w{channel}_z{z}.tif'."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="Viewer kind, napari or fiji; else what is on --port, else napari."),
    ] = None,
    port: Port = None,
    source: Annotated[str | None, typer.Option(help="Who made the images.")] = None,
    kind: Annotated[
        ImageKind, typer.Option(help="What the files hold: images, or labels of objects.")
    ] = "image",
    virtual: Virtual = False,
    python: Python = None,
    which: Annotated[str | None, FIJI] = None,
) -> None:
    """Stream files into your viewer, plane by plane, starting it if needed."""
    reading = Pattern(pattern) if pattern is not None else None
    paths, problems = expand(files)
    for problem in problems:
        _complain(problem)
    if not paths:
        raise typer.Exit(1)
    to = to or _kind_on(port)
    with client.launch(to, port, virtual=virtual, python=python, fiji=which) as viewer:
        shown, failed = _stream(viewer, paths, reading, source, kind)
        failed += len(problems)
        try:
            viewer.settle(timeout=600)
        except Undelivered as error:
            err.print(f"planecast: {error}", style="red", highlight=False, soft_wrap=True)
            failed += len(error.images)
            shown = max(0, shown - len(error.images))
        where = f"the {viewer.viewer_kind} viewer on port {viewer.port}"
        what = f"{count(range(shown), 'plane')} of {count(paths, 'file')}"
        out.print(f"{what} {'is' if shown == 1 else 'are'} in {where}", highlight=False)
    if failed:
        counted = count(range(failed), "problem")
        err.print(f"planecast: {counted}, see above", style="red", highlight=False)
        raise typer.Exit(1)


def _kind_on(port: int | None) -> str:
    found = find(port) if port is not None else None
    return found.viewer_kind if found is not None and found.alive() else "napari"


def _stream(
    viewer: Viewer,
    paths: list[Path],
    pattern: Pattern | None,
    source: str | None,
    kind: ImageKind,
) -> tuple[int, int]:
    shown = failed = 0
    with bar(err) as progress:
        task = progress.add_task("streaming", total=len(paths), rate="")
        for item in images(paths, pattern):
            try:
                if isinstance(item, FileProblem):
                    failed += 1
                    _complain(item)
                else:
                    viewer.show(
                        item.array, axes=item.axes, kind=kind, components=item.components,
                        source=source, scale=item.scale, units=item.units,
                    )  # fmt: skip
                    shown += 1
                    progress.update(task, completed=item.progress, rate=f"{shown} planes")
            except InvalidImage as error:
                failed += 1
                _complain(FileProblem(item.path, str(error)))
        progress.update(task, completed=len(paths))
    return shown, failed


def _complain(problem: FileProblem) -> None:
    err.print(f"planecast: {problem}", style="red", highlight=False, soft_wrap=True)


@app.command()
def ls() -> None:
    """List the viewers that run here."""
    rows = client.viewers()
    if not rows:
        out.print(NOBODY)
        return
    columns = ("port", "viewer_kind", "pid", "planes", "rate", "backlog", "undelivered")
    table = Table(*(column.replace("_", " ") for column in columns))
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    out.print(table)


def _cell(value: Any) -> str:
    return "–" if value is None else str(value)


@app.command()
def stop(
    ports: Annotated[list[int] | None, typer.Argument(help="Ports of the viewers.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Stop all of them.")] = False,
) -> None:
    """End viewers."""
    chosen = [row["port"] for row in client.viewers()] if everything else list(ports or [])
    if not chosen and not everything:
        raise typer.BadParameter("say which port, or --all")
    if not chosen:
        out.print(NOBODY)
    failed = False
    for port in chosen:
        try:
            client.connect(port).quit()
        except PlanecastError as error:  # the others are to end all the same
            nobody = f"no viewer runs on port {port}; planecast ls lists those that run"
            text = nobody if isinstance(error, ViewerNotFound) else error
            err.print(f"planecast: {text}", style="red", highlight=False, soft_wrap=True)
            failed = True
        else:
            out.print(f"the viewer on port {port} has ended", highlight=False)
    if failed:
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Say what is here and what is missing, and how to get it."""
    table = Table("", "what", Column("found", overflow="fold"))
    findings = diagnosis.examine()
    for finding in findings:
        table.add_row("ok" if finding.good else "–", finding.what, finding.words)
    out.print(table)
    if not all(finding.good for finding in findings if finding.needed):
        raise typer.Exit(1)


@app.command()
def demo(
    rate: Annotated[float, typer.Option(help="Planes a second.", min=0.1)] = 20.0,
    folder: Annotated[
        Path,
        typer.Option(
            help="Where the pictures go when there is no display.",
            exists=True,
            file_okay=False,
            writable=True,
        ),
    ] = Path(),
) -> None:
    """Stream a plate into napari and ImageJ at once. Without a display it leaves pictures."""
    try:
        from streaming_core import demo as showing
    except ImportError as error:
        raise MissingDependency("The demo", "demo") from error
    showing.run(out, rate=rate, folder=folder, visible=has_display())


@app.command(
    add_help_option=False,  # theirs says what there is
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def bench(context: typer.Context) -> None:
    """Run the benchmarks of a checkout; --help says which there are."""
    try:
        suites = importlib.import_module("tests.benchmarks.run")
    except ImportError as error:
        raise PlanecastError(
            f"the benchmarks are in the repository, not in the package ({error})"
        ) from None
    raise typer.Exit(suites.main(context.args))
