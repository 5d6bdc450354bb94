"""What users hold: a `Viewer`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from inspect import isfunction
from typing import Any, TypeVar

from numpy.typing import ArrayLike, DTypeLike, NDArray

from streaming_core.arranging import Arranging
from streaming_core.asking import ANSWER
from streaming_core.attachment import Attachment
from streaming_core.controls import Controls
from streaming_core.errors import TimedOut, Undelivered, ViewerNotFound
from streaming_core.fleet.registry import find
from streaming_core.macros import Macros
from streaming_core.marks import Marks
from streaming_core.protocol.components import Components
from streaming_core.protocol.tables import Drawing
from streaming_core.stream.image import array_of, make_image
from streaming_core.stream.marks import make_marks
from streaming_core.stream.outcome import Delivery
from streaming_core.stream.windows import refuse_to_wait

T = TypeVar("T")


def _whole(viewer: type[T]) -> type[T]:
    """Let Python's own errors name the class that users hold, and not the part that a method is."""
    for part in viewer.__mro__[1:]:
        for name, method in vars(part).items():
            if isfunction(method) and not name.startswith("_"):
                method.__qualname__ = f"{viewer.__name__}.{name}"
    return viewer


@_whole
class Viewer(Attachment, Controls, Arranging, Macros, Marks):
    """A viewer process that images are streamed to.

    Made by `launch` and `connect`. Any thread may use it. It pickles as its address and
    run, never its keys: another process of this machine that unpickles it connects by itself.

    Attributes
    ----------
    viewer_kind
        "napari" or "fiji".
    port
        Control port of the viewer.
    run
        The execution of a program that its images belong to.
    """

    def show(
        self,
        array: ArrayLike,
        *,
        axes: str | None = None,
        kind: str = "image",
        components: Components | None = None,
        source: str | None = None,
        name: str | None = None,
        scale: Mapping[str, float] | None = None,
        origin: Mapping[str, float] | None = None,
        units: str | None = None,
        colormap: str | None = None,
        contrast_limits: tuple[float, float] | None = None,
        features: Any = None,
        editable: bool = False,
        metadata: Mapping[str, Any] | None = None,
        keep: int | None = None,
    ) -> Delivery:
        """Send an image. Returns when it was copied, so the array may change at once.

        It waits while the viewer has no room, so a slow viewer slows the program instead of
        filling the memory. A viewer that is gone never makes it fail: the image is then
        reported by `flush`.

        Parameters
        ----------
        array
            Bool, any integer, float16 (sent as float32), float32, float64; 2-D at least, unmasked.
        axes
            What its dimensions are: letters of ``TCZYX``, with ``S`` last for RGB. May be left
            out for a 2-D array, ``YX``.
        kind
            "image", or "labels" for integer masks.
        components
            Where it belongs: ``{"well": "B03", "channel": "DAPI", "z": 4}``. For an axis T, C
            or Z of the array, ``t``, ``channel`` or ``z`` is a sequence of that length.
        source
            Who made it, e.g. the step of a pipeline.
        name
            Name of its layer or window, instead of one made from source and components.
        scale, origin
            Size of a pixel and position of the first one, by axis letter, in ``units``; T in
            seconds.
        units
            Unit of space, e.g. "um".
        colormap
            Name of a colormap that the viewer knows.
        contrast_limits
            Lowest and highest value shown; found from the first 16 planes where left out.
        features
            Labels only: a table, a DataFrame or a dict of columns, with one line for each label
            that its column ``label`` names. napari shows it with the plane.
        editable
            Labels only: a person may paint them. What was painted is theirs: later images of
            the same place do not change it, and `read` returns it.
        metadata
            Plain data to be kept with the layer.
        keep
            The viewer holds no more than so many images of this source, the newest, and lets go
            of older ones that were sent with ``keep`` too; their places are blank then.

        Returns
        -------
        Delivery
            What becomes of it: ``.owned``, ``.shown``, ``.wait()``.

        Raises
        ------
        InvalidImage
            When the array, its axes, kind or components cannot be shown; nothing was sent.
        WouldDeadlock
            On the thread that draws the window, where the viewer has no room.
        """
        pixels = array_of(array)
        image = make_image(
            pixels, axes=axes, kind=kind, components=components, source=source, name=name,
            scale=scale, origin=origin, units=units, colormap=colormap,
            contrast_limits=contrast_limits, metadata=metadata, features=features,
            editable=editable, keep=keep, run=self.run,
        )  # fmt: skip
        route = self.route()
        return route.publisher.publish([route], pixels, image)

    def _mark(self, kind: str, drawing: Drawing, words: Mapping[str, Any]) -> Delivery:
        image, payload = make_marks(kind, drawing, run=self.run, **words)
        route = self.route()
        return route.publisher.publish([route], payload, image)

    def allocate(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array to compute into, which `show` then sends without a copy.

        After `show` it is read-only. Its content is undefined at first.

        Parameters
        ----------
        shape
            As of `numpy.empty`.
        dtype
            One that travels as it is: bool, an integer, float32 or float64, native byte order.

        Raises
        ------
        InvalidArray
            For any other dtype, or a shape without pixels.

        Examples
        --------
        >>> out = viewer.allocate(image.shape, image.dtype)  # doctest: +SKIP
        >>> gaussian(image, out=out)  # doctest: +SKIP
        >>> viewer.show(out, axes="ZYX")  # doctest: +SKIP
        """
        route = self.route()
        return route.publisher.allocate([route], shape, dtype)

    def flush(self, timeout: float = 60.0) -> None:
        """Wait until the viewer owns every image that this program sent to it.

        Raises
        ------
        Undelivered
            Naming the images that it never will own, and those that it owned and that are gone
            with it: it died, or was closed by somebody else. Each is reported once.
        TimedOut
            When some are still on their way after ``timeout`` seconds.
        """
        route = self.route()
        with route.publisher.lock:
            done = route.publisher.wait_for(lambda: not route.link.pending, timeout)
            left = len(route.link.pending)
            ledger = route.ledger
            lost, names = ledger.since(self._reported)
            self._reported = ledger.reported
        if lost:
            raise Undelivered(
                f"{lost} image{'s' * (lost > 1)} not delivered to the {route.target.name}, or lost "
                "with it: " + "; ".join(names[:5]) + ("; …" if lost > 5 else ""),
                names,
            )  # fmt: skip
        if not done:
            raise TimedOut(
                f"{left} image{'s are' if left > 1 else ' is'} not owned by the "
                f"{route.target.name} after {timeout:g} s" + route.say_busy()
            )

    def settle(self, timeout: float = 60.0) -> None:
        """Wait until every image that this program sent is shown.

        Raises
        ------
        Undelivered, TimedOut
            As `flush`.
        WouldDeadlock
            On the thread that draws the window.
        """
        deadline = time.monotonic() + timeout
        route = self.route()
        refuse_to_wait(route.link.vid, "settle()")
        self.flush(timeout)
        route = self.route()
        with route.publisher.lock:
            left = max(0.0, deadline - time.monotonic())
            # Also while it is detached: it may come back, and says then what it has shown.
            if not route.publisher.wait_for(lambda: not route.link.unshown, left):
                unshown = route.link.unshown
                raise TimedOut(
                    f"{unshown} image{'s are' if unshown > 1 else ' is'} owned, but not shown by "
                    f"the {route.target.name} after {timeout:g} s" + route.say_busy()
                )

    @property
    def undelivered(self) -> tuple[str, ...]:
        """Images that the viewer never owned: name and reason, the newest last."""
        return tuple(self._known_route().ledger.undelivered)

    @property
    def gaps(self) -> tuple[str, ...]:
        """Images that a viewer owned and that are gone with it, by name: it died or was closed."""
        return tuple(self._known_route().ledger.gaps)

    @property
    def replaced(self) -> int:
        """How many images a newer one of their place came before, with ``mode="latest"``."""
        return self._known_route().link.replaced

    def quit(self, timeout: float = ANSWER) -> None:
        """End the viewer process, and wait until its port is free; or `TimedOut`, see `restart`."""
        route = self.route()
        connection = find(self.port)
        route.quitting = True
        try:
            self._ask("quit", {}, timeout)
        except ViewerNotFound:
            pass  # it was faster than its answer
        except BaseException:  # it stays, also where Ctrl-C interrupts; the error goes on
            route.quitting = False
            raise
        self.close(linger=0.0)
        deadline = time.monotonic() + timeout
        while connection and connection.alive():
            if time.monotonic() > deadline:
                raise TimedOut(f"the {route.target.name} did not end within {timeout:g} s")
            time.sleep(0.01)

    def restart(self, timeout: float = 60.0) -> None:
        """End the viewer process, also one that hangs, and start it anew on the same port.

        What the old one showed is gone, and is named in `gaps`; what it did not own yet goes to
        the new one. All programs that send to it go on.

        Raises
        ------
        RequestFailed
            When it is a window that a person opened.
        WouldDeadlock
            In the viewer's own process.
        StartFailed, NoDisplay, MissingDependency, PortTaken, TimedOut
            As `planecast.launch`.
        """
        from streaming_core.fleet.process import replace  # here: it takes 6 ms

        deadline = time.monotonic() + timeout
        route = self.route()
        refuse_to_wait(route.link.vid, "restart()")
        route.quitting = True  # until the new one's WELCOME: what the old one says is no news
        try:
            vid = replace(self.port, self.viewer_kind, timeout).vid
        except BaseException:  # as in `quit`
            route.quitting = False
            raise
        with route.publisher.lock:
            left = max(1.0, deadline - time.monotonic())
            if not route.publisher.wait_for(lambda: route.link.vid == vid, left):
                raise TimedOut(f"the new {route.target.name} did not answer within {timeout:g} s")

    def __repr__(self) -> str:
        return f"<planecast.Viewer {self.viewer_kind}, port {self.port}>"
