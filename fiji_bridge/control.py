"""What a person does with the viewer in ImageJ: the menu, and what it has to say to them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

from fiji_bridge import blend, desktop, jvm
from fiji_bridge.menu import Menu, Sight, sources
from fiji_bridge.producers import Producers, lines_of
from fiji_bridge.stacks import Stacks
from streaming_core.errors import RequestFailed
from streaming_core.fleet.host import Host
from streaming_core.protocol.components import GroupKey

log = logging.getLogger("planecast.fiji")

ABOUT: Final = (
    "<html><b>Planecast {version}</b><br>Shows images from any running Python program, live."
    "<br><br>{engine}<br>This viewer: {address}<br><br>In Python:<br><pre>import planecast\n"
    "viewer = planecast.connect({port})\nviewer.show(image)</pre></html>"
)


class Control:
    """The menu's choices, and once a second what they show.

    Its methods but `refresh` are called on the event thread: they set a word or leave a job for
    the bridge's own thread.

    Parameters
    ----------
    later
        Hands a job to the bridge's own thread.
    pause
        Pauses the viewer, or lets it go on.
    """

    def __init__(
        self, stacks: Stacks, later: Callable[[Callable[[], None]], None],
        pause: Callable[[bool], None], engine: str,
    ) -> None:  # fmt: skip
        self._stacks = stacks
        self._later = later
        self._pause = pause
        self._engine = engine
        self._host: Host | None = None
        self._menu = Menu(self)
        self._producers = Producers()
        self._title = self._said = ""

    def serve(self, host: Host) -> None:
        """Say through which host producers reach the viewer."""
        self._host = host

    @property
    def connected(self) -> list[dict[str, Any]] | None:
        """The programs that send, as ``state()["producers"]`` tells them; None before `serve`."""
        return None if self._host is None else self._host.producers

    def refresh(self, *, paused: bool) -> None:
        """Bring menu, titles and figures up to date; on the bridge's own thread."""
        stacks = self._stacks
        stacks.heed()
        stacks.take_down()
        keys, closed = list(stacks.catalog.groups), tuple(stacks.closed())
        self._menu.refresh(Sight(stacks.scene.follow, paused, sources(keys), closed))
        self._show_state(paused)
        if self._producers.is_open:
            self._producers.refresh(self._lines())

    def _show_state(self, paused: bool) -> None:
        if self._host is None:
            return
        why = "" if paused else self._host.intake.why
        words = " · paused" if paused else " · programs wait" if why else ""
        title = f"ImageJ · Planecast {self._host.port}{words}"
        if title != self._title:
            self._title = title
            desktop.set_title(title)
        if why and why != self._said:
            desktop.say(f"Planecast: programs wait; {why}")
        self._said = why

    def _lines(self) -> list[str]:
        if self._host is None:
            return []
        intake = self._host.intake
        budget = intake.budget
        address = f"127.0.0.1:{self._host.port}"
        return lines_of(address, self._host.producers, budget.held, budget.limit, intake.why)

    # what a person chooses; on the event thread

    def follow(self, on: bool) -> None:
        """Let sliders go to the newest image, or stay."""
        self._stacks.scene.follow = on

    def pause(self, on: bool) -> None:
        """Take no more images for now; nothing is lost."""
        self._pause(on)

    def clear(self, source: str | None) -> None:
        """Close the windows of a source, or all, and free their memory."""
        self._later(lambda: _done(self._stacks.clear(source)))

    def clear_old_runs(self) -> None:
        """Let go of what only earlier runs have shown."""
        self._later(lambda: _done(self._stacks.forget_old_runs()))

    def restore(self, key: GroupKey) -> None:
        """Bring back a window that was closed."""
        self._later(lambda: self._stacks.restore(key))

    def compose(self) -> None:
        """Draw all channels of the current image together."""
        imp = jvm.java("ij.WindowManager").getCurrentImage()
        if imp is not None and imp.isComposite():
            blend.compose(imp)
            imp.updateAndDraw()

    def screenshot(self) -> None:
        """Open a picture of ImageJ's windows."""
        self._later(lambda: desktop.open_screen("Planecast screenshot"))

    def producers(self) -> None:
        """Show which programs send, and what the viewer holds."""

        def run() -> None:
            self._producers.open()
            self._producers.refresh(self._lines())

        self._later(run)

    def about(self) -> None:
        """Say what this is and how to send to it."""
        port = self._host.port if self._host else 0
        words = ABOUT.format(
            version=version("planecast"),
            engine=self._engine,
            address=f"127.0.0.1:{port}",
            port=port,
        )
        self._later(lambda: desktop.tell("About Planecast", words))


def _done(number: int) -> None:
    log.info("cleared %d windows", number)


def run_job(job: Callable[[], None]) -> None:
    """Do what a person chose; if it fails they are told."""
    try:
        job()
    except RequestFailed as error:
        desktop.say(f"Planecast: {error}")
    # The thread must outlive whatever ImageJ or a plugin throws.
    except Exception as error:
        log.exception("a choice in the menu failed")
        desktop.say(f"Planecast: {error}")
