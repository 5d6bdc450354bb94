"""The functions that give a viewer: `launch`, `connect`, `tee`, and `viewers`."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from numpy.typing import ArrayLike, DTypeLike, NDArray

from streaming_core.attachment import MODES, Mode
from streaming_core.errors import (
    InvalidSetting,
    NotAdmitted,
    TimedOut,
    Undelivered,
    ViewerNotFound,
)
from streaming_core.fleet.engines import is_endpoint
from streaming_core.fleet.registry import Connection, find, running
from streaming_core.marks import Marks
from streaming_core.network.endpoints import Address, parse_address
from streaming_core.protocol.tables import Drawing
from streaming_core.stream.image import array_of, make_image
from streaming_core.stream.marks import make_marks
from streaming_core.stream.outcome import Delivery
from streaming_core.stream.target import start_line
from streaming_core.viewer import Viewer

log = logging.getLogger("planecast.client")

STARTING: Final = 60.0
"""Seconds that a new viewer has. ImageJ has its window after 1, a Fiji after 5 to 10."""

FETCHING: Final = 600.0
"""Seconds where some hundred jars may have to be fetched first."""


def _check(mode: str, stall: float, timeout: float) -> None:
    if mode not in MODES:
        raise InvalidSetting(f"mode {mode!r}; there are: {', '.join(MODES)}")
    for name, value, least in (("stall", stall, 1.0), ("timeout", timeout, 0.001)):
        if not (isinstance(value, int | float) and value >= least and math.isfinite(value)):
            raise InvalidSetting(f"{name}= is a number of seconds, at least {least}, not {value!r}")


def known(address: Address) -> Connection:
    """Return the living viewer at an address, or raise ViewerNotFound saying how to start one."""
    found = find(address.port)
    if found is None or not found.alive():
        raise ViewerNotFound(
            f"no viewer runs on {address}. Start one: {start_line('napari', address.port)}"
        )
    return found


def launch(
    viewer_kind: str,
    port: int | None = None,
    *,
    python: str | None = None,
    virtual: bool = False,
    headless: bool = False,
    fiji: str | None = None,
    clear: bool = False,
    mode: Mode = "every",
    stall: float = 10.0,
    timeout: float | None = None,
) -> Viewer:
    """Find the viewer, or start it; it stays when the program ends.

    Parameters
    ----------
    viewer_kind
        "napari" or "fiji".
    port
        Its control port (port + 1000 is used too); None: the user's own viewer of that kind,
        wherever it lives, else a new one on the first free pair from 5555 (napari) or 5655
        (Fiji).
    python
        Interpreter of another environment that has the viewer; also
        ``PLANECAST_NAPARI_PYTHON`` and ``PLANECAST_FIJI_PYTHON``.
    virtual
        Give a new viewer a virtual display: for servers and tests.
    headless
        Start without any window (Fiji only).
    fiji
        Which ImageJ a new viewer runs: the folder of an installed Fiji; an endpoint that is
        fetched, such as "sc.fiji:fiji" or "net.imagej:imagej:2.16.0"; or "embedded" for the
        ImageJ that Planecast brings. None: ``PLANECAST_FIJI``, else an installed Fiji that is
        found, else the embedded one. ``state()["engine"]`` says which it is.
    clear
        Remove what the viewer shows first.
    mode
        "every" delivers each image; "latest" is for live previews: an image that was not
        sent yet is replaced by a newer one of the same place.
    stall
        Seconds without progress after which the viewer is given up until it comes back.
    timeout
        Seconds to wait for a new viewer. None: 60, or 600 for an endpoint, which may have to be
        fetched.

    Returns
    -------
    Viewer
        Connected; images can be sent.

    Raises
    ------
    StartFailed, NoDisplay, MissingDependency, PortTaken, NotAdmitted
        Each says what to do.
    InvalidSetting
        For a keyword that cannot be used.
    """
    if timeout is None:
        timeout = FETCHING if viewer_kind == "fiji" and is_endpoint(fiji) else STARTING
    _check(mode, stall, timeout)
    if port is not None:
        port = parse_address(port).port
    if fiji and viewer_kind != "fiji":
        raise InvalidSetting("fiji= is for Fiji; other viewers have no ImageJ")
    if headless and viewer_kind != "fiji":
        raise InvalidSetting("headless= is for Fiji; for other viewers there is virtual=True")
    from streaming_core.fleet.process import Start, ensure  # here: it takes 6 ms

    start = Start(viewer_kind, port, python, virtual, headless, fiji, timeout)
    connection = ensure(start)
    try:
        viewer = Viewer.attach(connection, mode=mode, stall=stall, timeout=timeout)
    except ViewerNotFound:
        if connection.alive():
            raise
        # It was being killed when it was found: until all its memory is freed it seems alive.
        viewer = Viewer.attach(ensure(start), mode=mode, stall=stall, timeout=timeout)
    if clear:
        viewer.clear()
    return viewer


def connect(
    address: int | str | None = None, *, mode: Mode = "every", stall: float = 10.0,
    timeout: float = 10.0,
) -> Viewer:  # fmt: skip
    """Attach to a running viewer; never starts one.

    Parameters
    ----------
    address
        Its port. None: ``PLANECAST_ADDRESS``, else the only viewer that runs.
    mode, stall
        As `launch`.
    timeout
        Seconds to wait for its answer.

    Raises
    ------
    ViewerNotFound
        Says how to start one.
    NotAdmitted
        When something else listens there.
    """
    _check(mode, stall, timeout)
    if address is None:
        address = os.environ.get("PLANECAST_ADDRESS")
    if address is None:
        found = running()
        if not found:
            raise ViewerNotFound(f"no viewer runs here. Start one: {start_line('napari')}")
        if len(found) > 1:
            there = ", ".join(f"{one.port} ({one.viewer_kind})" for one in found)
            raise ViewerNotFound(f"several viewers run: {there}; say connect(port)")
        connection = found[0]
    else:
        connection = known(parse_address(address))
    return Viewer.attach(connection, mode=mode, stall=stall, timeout=timeout)


def viewers() -> list[dict[str, Any]]:
    """Return the viewers that run here, by port.

    Returns
    -------
    list of dict
        Of each viewer ``port``, ``viewer_kind`` and ``pid``; ``rate`` (images a second, of all
        producers), ``backlog`` (images owned and not shown), ``planes`` (that it holds) and
        ``undelivered`` (images of the producers that it has now). The last four are None
        where it does not answer within 2 s.
    """
    found = []
    for connection in running():
        facts: dict[str, Any] = {
            "port": connection.port, "viewer_kind": connection.viewer_kind,
            "pid": connection.pid, "rate": None, "backlog": None, "planes": None,
            "undelivered": None,
        }  # fmt: skip
        try:
            with Viewer.attach(connection, timeout=2.0) as viewer:
                state = viewer.state()
        except (ViewerNotFound, NotAdmitted, TimedOut) as error:
            log.warning("port %d: %s", connection.port, error)
        else:
            facts["backlog"] = state["backlog"]
            facts["rate"] = round(sum(one["rate"] for one in state["producers"]), 1)
            facts["undelivered"] = sum(one["undelivered"] for one in state["producers"])
            facts["planes"] = sum(group["planes"] for group in state["groups"])
        found.append(facts)
    return found


class Tee(Marks):
    """Several viewers that get the same images; made by `tee`.

    Attributes
    ----------
    viewers
        In the order in which `tee` got them. Each is closed by itself.
    """

    def __init__(self, targets: Sequence[Viewer]) -> None:
        self.viewers = tuple(targets)

    def __repr__(self) -> str:
        return f"<planecast.Tee {', '.join(map(repr, self.viewers))}>"

    def allocate(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """`Viewer.allocate`, for all of them: one array in one segment."""
        routes = [viewer.route() for viewer in self.viewers]
        return routes[0].publisher.allocate(routes, shape, dtype)

    def show(self, array: ArrayLike, **words: Any) -> Delivery:
        """Send an image to all of them: one copy into one segment. Takes what `Viewer.show` takes.

        Returns
        -------
        Delivery
            Its state is that of the viewer that has come least far.
        """
        pixels = array_of(array)
        try:
            image = make_image(pixels, run=self.viewers[0].run, **words)
        except TypeError as error:  # a word that is none: they know this function, not that one
            raise TypeError(str(error).replace("make_image", "Tee.show")) from None
        routes = [viewer.route() for viewer in self.viewers]
        return routes[0].publisher.publish(routes, pixels, image)

    def _mark(self, kind: str, drawing: Drawing, words: Mapping[str, Any]) -> Delivery:
        image, payload = make_marks(kind, drawing, run=self.viewers[0].run, **words)
        routes = [viewer.route() for viewer in self.viewers]
        return routes[0].publisher.publish(routes, payload, image)

    def flush(self, timeout: float = 60.0) -> None:
        """`Viewer.flush` for each, also after one that raises: one error speaks for all."""
        self._each(Viewer.flush, timeout)

    def settle(self, timeout: float = 60.0) -> None:
        """`Viewer.settle` for each, also after one that raises: one error speaks for all."""
        self._each(Viewer.settle, timeout)

    def _each(self, wait: Callable[[Viewer, float], None], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        lost: list[Undelivered] = []
        late: list[TimedOut] = []
        for viewer in self.viewers:
            try:
                wait(viewer, max(0.0, deadline - time.monotonic()))
            except Undelivered as error:
                lost.append(error)
            except TimedOut as error:
                late.append(error)
        text = "; ".join(map(str, [*lost, *late]))
        if lost:
            raise Undelivered(text, [line for error in lost for line in error.images])
        if late:
            raise TimedOut(text)


def tee(*viewers: Viewer) -> Tee:
    """Send to several viewers at once: ``tee(raw, check).show(img, axes="ZYX", …)``.

    Raises
    ------
    InvalidSetting
        Without a viewer, or for what is none.
    """
    if not viewers:
        raise InvalidSetting("tee() needs at least one viewer")
    for viewer in viewers:
        if not isinstance(viewer, Viewer):
            raise InvalidSetting(f"tee() takes what launch() and connect() return, not {viewer!r}")
    return Tee(viewers)
