"""The viewer process: a napari window that shows what producers send to its port."""

from __future__ import annotations

import faulthandler
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from napari_plugin.rehearsal import import_ahead, import_later, rehearse, uncollected
from streaming_core.fleet.display import display
from streaming_core.fleet.ending import ProcessEnd
from streaming_core.fleet.host import Host, ViewerOptions, run_viewer, viewer_options

if TYPE_CHECKING:
    from napari import Viewer

    from napari_plugin.adapter import NapariAdapter

log = logging.getLogger("planecast.napari")

SIZE: Final = (1200, 800)
"""Of the window for a user whose napari has not remembered another."""

SETTLED_MS: Final = 1000
"""After so long whoever started the viewer has seen the first image."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a viewer until its window is closed; the return value is the exit status."""
    return run_viewer(lambda: serve(viewer_options("napari", arguments)))


def serve(options: ViewerOptions) -> int:
    """Open a window and show what comes, until it is closed."""
    faulthandler.enable()  # a crash in Qt or OpenGL says in the log where it was
    # Until there is something to clean up the system ends us: what is imported may swallow
    # KeyboardInterrupt.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with display(options.virtual), ProcessEnd() as ending:
        Session(options, ending).run()
    return 0


class Session:
    """One viewer process: window, adapter and host, and the reason why it ends."""

    def __init__(self, options: ViewerOptions, ending: ProcessEnd) -> None:
        self._options = options
        self._ending = ending
        self._reason = "the viewer was closed by its user"
        self._error: Exception | None = None
        self._host: Host | None = None
        self._starting = ExitStack()  # closed when the viewer is ready

    def run(self) -> None:
        """Open the window, serve, and close everything again.

        Raises
        ------
        PlanecastError
            What kept the viewer from being reached.
        """
        with self._starting:
            self._starting.enter_context(uncollected())
            self._run()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        # napari is imported here: Qt reads DISPLAY when it starts, and --help needs no Qt.
        import_ahead()
        import napari
        from qtpy.QtCore import QTimer

        from napari_plugin.adapter import NapariAdapter

        remembered = leave_settings_alone()
        viewer = napari.Viewer(title="Planecast")
        if not remembered:
            viewer.window.resize(*SIZE)
        adapter = NapariAdapter(viewer)
        add_streams(viewer)
        # Two turns of the event loop: the window is alive before anybody can find it.
        QTimer.singleShot(0, lambda: QTimer.singleShot(0, lambda: self._listen(viewer, adapter)))
        try:
            napari.run()
        finally:
            adapter.close()
            if self._host is not None:
                self._host.close(self._reason)
            with suppress(RuntimeError):  # its user has closed it, and Qt deleted it
                viewer.close()

    def _listen(self, viewer: Viewer, adapter: NapariAdapter) -> None:
        from qtpy.QtCore import QTimer

        if adapter.closed:  # its user was faster
            return
        self._end_on_signals(adapter)
        try:
            rehearse(viewer, adapter)
            self._host = Host(
                adapter, self._options.port,
                window=threading.get_ident(), begun=self._options.begun(),
            )  # fmt: skip
        except Exception as error:
            # The boundary to Qt, which would swallow it: `run` raises it after the loop.
            self._error = error
            adapter.end()
            return
        adapter.serve(self._host)
        viewer.title = f"Planecast · port {self._host.port}"
        log.info("napari is ready on port %s", self._host.port)
        self._starting.close()
        QTimer.singleShot(SETTLED_MS, import_later)

    def _end_on_signals(self, adapter: NapariAdapter) -> None:
        """From now on SIGINT and SIGTERM close the window.

        Python runs signal handlers between two of its own instructions, and Qt's loop has
        none: a socket wakes it. The window is closed later, from Qt's loop: a signal may come
        in the middle of a painting. Call it in that loop: `napari.run` has a handler of its own
        for SIGINT, which does nothing before.
        """
        from qtpy.QtCore import QSocketNotifier, QTimer

        self._ending.on_signals()

        def on_signal() -> None:
            self._wake.setEnabled(False)
            self._reason = f"the viewer was ended: {self._ending.wait()}"
            QTimer.singleShot(0, adapter.end)

        self._wake = QSocketNotifier(self._ending.fileno(), QSocketNotifier.Type.Read)
        self._wake.activated.connect(on_signal)


def leave_settings_alone() -> bool:
    """Read the user's napari settings but never write them: their napari is another program.

    Returns whether they hold the size of a window.
    """
    from napari.settings import get_settings

    settings = get_settings()
    settings.config_path = None
    remembered = settings.application.window_size is not None
    settings.application.first_time = False
    return remembered and bool(settings.application.save_window_geometry)


def add_streams(viewer: Viewer) -> None:
    """Dock the widget *Planecast streams* as a tab behind the layer list."""
    from qtpy.QtWidgets import QMainWindow

    from napari_plugin.widgets import StreamsWidget

    widget = StreamsWidget(viewer)
    dock = viewer.window.add_dock_widget(widget, name="Planecast streams", area="left", tabify=True)
    window = dock.window()
    if isinstance(window, QMainWindow):
        for other in window.tabifiedDockWidgets(dock):
            other.raise_()


if __name__ == "__main__":
    sys.exit(main())
