"""A viewer process with a person at its screen, who does what the tests write on its input.

``python -m tests.fiji.person ARGUMENTS`` is ``python -m fiji_bridge ARGUMENTS``. Each line on its
input names a method of `Person`; it is answered by a line when that is done.
"""

from __future__ import annotations

import runpy
import sys
import threading
from typing import Any

from fiji_bridge import jvm
from fiji_bridge.edt import on_edt
from streaming_core.testing import poll_until
from tests.fiji.mouse import Mouse


class Person:
    """What is done with the mouse and the keys, through ImageJ's and AWT's public API."""

    def menu_quit(self) -> None:
        """Choose File > Quit."""
        jvm.java("ij.IJ").doCommand("Quit")

    def close(self) -> None:
        """Click the close button of the main window."""
        frame = jvm.java("ij.IJ").getInstance()
        event = jvm.java("java.awt.event.WindowEvent")
        jvm.java("java.awt.EventQueue").invokeLater(
            jvm.implement(
                "java.lang.Runnable",
                run=lambda: frame.dispatchEvent(event(frame, event.WINDOW_CLOSING)),
            )
        )

    def pause(self) -> None:
        """Choose Planecast > Pause."""
        Mouse().pick("Pause")

    def producers(self) -> None:
        """Choose Planecast > Producers."""
        Mouse().pick("Producers")

    def close_producers(self) -> None:
        """Close that window."""
        Mouse().close_text("Planecast producers")

    def paint(self) -> None:
        """Fill each image, with Edit > Fill."""
        manager = jvm.java("ij.WindowManager")
        for number in list(manager.getIDList()):
            imp = manager.getImage(number)
            jvm.java("ij.IJ").run(imp, "Select All", "")
            jvm.java("ij.IJ").run(imp, "Fill", "slice")
            assert imp.changes

    def duplicate(self) -> None:
        """Make an image that is the person's own, and paint on it."""
        jvm.java("ij.IJ").run("Duplicate...", "title=mine")
        self.paint()

    def open_dialog(self) -> None:
        """Choose Process > Filters > Gaussian Blur... and leave its dialog open."""
        jvm.java("ij.IJ").doCommand("Gaussian Blur...")
        poll_until(lambda: bool(_dialogs()), "the dialog is there", 10)

    def wait_for_question(self) -> None:
        """Wait until ImageJ asks something, and can hear an answer: it is shown a little before."""
        poll_until(lambda: bool(_dialogs()) and _listens("Quit"), "ImageJ asks", 10)

    def do_not_save(self) -> None:
        """Answer the question."""
        (dialog,) = _dialogs()
        (button,) = [one for one in _parts(dialog) if "Don't Save" in _label(one)]
        event = jvm.java("java.awt.event.ActionEvent")
        click = event(button, event.ACTION_PERFORMED, button.getActionCommand())
        on_edt(None, lambda: button.dispatchEvent(click))

    def hang_threads(self) -> None:
        """Run a plugin that leaves a thread which never ends."""
        jvm.java("java.util.Timer")("never ends")

    def hang_window(self) -> None:
        """Run a plugin that blocks ImageJ's window thread for ever."""
        blocked = threading.Event()

        def run() -> None:
            blocked.set()
            jvm.java("java.lang.Thread").sleep(3_600_000)

        queue = jvm.java("java.awt.EventQueue")
        queue.invokeLater(jvm.implement("java.lang.Runnable", run=run))
        assert blocked.wait(10)


def _dialogs() -> list[Any]:
    dialog = jvm.java("java.awt.Dialog")
    windows = jvm.java("java.awt.Window").getWindows()
    return [one for one in windows if isinstance(one, dialog) and one.isShowing()]


def _listens(name: str) -> bool:
    """Whether a thread waits for the answer to a modal dialog."""
    stacks = jvm.java("java.lang.Thread").getAllStackTraces()
    return any(
        str(thread.getName()) == name
        and any("WaitDispatchSupport" in str(frame.getClassName()) for frame in stacks.get(thread))
        for thread in stacks.keySet()
    )


def _parts(container: Any) -> list[Any]:
    found = []
    for part in container.getComponents():
        found.append(part)
        if isinstance(part, jvm.java("java.awt.Container")):
            found += _parts(part)
    return found


def _label(part: Any) -> str:
    return str(part.getLabel()) if isinstance(part, jvm.java("java.awt.Button")) else ""


def _act() -> None:
    person = Person()
    for line in sys.stdin:
        getattr(person, line.strip())()
        print("done", flush=True)


if __name__ == "__main__":
    threading.Thread(target=_act, daemon=True).start()
    runpy.run_module("fiji_bridge", run_name="__main__")
