"""Any napari can listen: a viewer that its user has open receives streams on a port."""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

import napari
import napari.viewer
from napari.utils.notifications import show_info
from qtpy.QtCore import QCoreApplication, QObject

from napari_plugin.adapter import NapariAdapter, adapter_of
from streaming_core.errors import PlanecastError, ViewerError
from streaming_core.fleet.host import Host

log = logging.getLogger("planecast.napari.listening")

STREAMS: Final = ("planecast", "Planecast streams")
"""Name of the plugin, and of its widget."""

_listening: dict[int, Listening] = {}
# By id(viewer), as napari's commands are handed nothing but a viewer. Each holds its viewer, so
# an id in here cannot have been used again; and `listen` works for who drops what it returns.


class Listening:
    """A napari that receives, until `stop` or until its window is closed.

    Made by `listen`, on the window's thread.

    Parameters
    ----------
    viewer
        With its window; its layers, settings and title stay as they are.
    port
        Control port; None for the first free pair.

    Attributes
    ----------
    port
        What `planecast.connect` wants to know.
    address
        The same with the machine.
    stopped
        Whether it receives no more.

    Raises
    ------
    PortTaken
        When another viewer or program has the port.
    """

    def __init__(self, viewer: napari.Viewer, port: int | None) -> None:
        self._viewer = viewer
        self._adapter = NapariAdapter(viewer, end=self._on_quit)
        try:
            self._host = Host(self._adapter, port, window=threading.get_ident())
        except BaseException:  # Ctrl-C too: nothing listens, the error goes on
            self._adapter.close()
            raise
        self.stopped = False
        self.port = self._host.port
        self.address = f"127.0.0.1:{self.port}"
        self._adapter.serve(self._host)
        self._watch = QObject(viewer.window.main_menu.window())
        self._watch.destroyed.connect(self._on_closed)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._on_closed)
        _listening[id(viewer)] = self
        log.info("napari listens on port %s", self.port)

    def stop(self, reason: str = "its user has stopped listening", *, stay: bool = True) -> None:
        """Free the port; the layers stay, as data of the viewer. Idempotent.

        Parameters
        ----------
        reason
            What the producers are told.
        stay
            False where the window goes, and the layers with it.
        """
        if self.stopped:
            return
        self.stopped = True
        _listening.pop(id(self._viewer), None)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.disconnect(self._on_closed)
        try:
            self._watch.destroyed.disconnect(self._on_closed)
            self._watch.deleteLater()
        except RuntimeError:
            pass  # it went with the window
        self._adapter.close()
        self._host.close(reason, stay=stay)
        log.info("napari listens on port %s no more", self.port)

    def _on_closed(self, *_: Any) -> None:
        self.stop("the napari window was closed", stay=False)

    def _on_quit(self) -> None:
        self.stop("a program has ended it")

    def __repr__(self) -> str:
        state = "stopped" if self.stopped else "receives"
        return f"<napari_plugin.Listening port {self.port}, {state}>"


def listen(viewer: Any, port: int | None = None) -> Listening:
    """Let an open napari receive streams; see `napari_plugin.listen`."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari may hand out a proxy
    known = _listening.get(id(viewer))
    if known is None:
        if adapter_of(viewer) is not None:
            raise ViewerError("this napari was started by Planecast and receives already")
        return Listening(viewer, port)
    if port not in (None, known.port):
        raise ViewerError(f"this napari listens on port {known.port} already; stop() it first")
    return known


def listening_of(viewer: Any) -> Listening | None:
    """Return what `listen` made of a viewer, while it listens."""
    return _listening.get(id(getattr(viewer, "__wrapped__", viewer)))


def begin(viewer: napari.viewer.Viewer) -> None:
    """Carry out the command *Listen for streams*: the widget then says the address."""
    if adapter_of(viewer) is None:
        try:
            listen(viewer)
        except PlanecastError as error:
            show_info(f"Planecast cannot listen: {error}")
            return
    adapter = adapter_of(viewer)
    viewer.window.add_plugin_dock_widget(*STREAMS)
    if adapter is not None:
        show_info(f"This napari receives streams: planecast.connect({adapter.port})")


def end(viewer: napari.viewer.Viewer) -> None:
    """Carry out the command *Stop listening for streams*."""
    found = listening_of(viewer)
    if found is not None:
        found.stop()
        show_info(f"Port {found.port} is free; the layers stay.")
    elif adapter_of(viewer) is not None:
        show_info("This viewer was started by Planecast; close its window to end it.")
    else:
        show_info("This napari receives no streams.")
