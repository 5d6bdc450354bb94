"""Viewers inside this very process: which thread must not wait for them."""

from __future__ import annotations

import os
import threading

from streaming_core.errors import WouldDeadlock

_windows: dict[str, tuple[int, int]] = {}
# By vid: pid and thread of the window. A process has one Qt, and knows its own viewers by nothing
# else; the pid, for a forked child has a copy of this and no window.


def inhabit(vid: str, thread: int) -> None:
    """Note that a viewer's window is drawn by a thread of this process."""
    _windows[vid] = (os.getpid(), thread)


def leave(vid: str) -> None:
    """Forget a viewer that has ended."""
    _windows.pop(vid, None)


def is_ours(vid: str) -> bool:
    """Whether the calling thread is the one that draws this viewer's window."""
    return _windows.get(vid) == (os.getpid(), threading.get_ident())


def refuse_to_wait(vid: str, what: str) -> None:
    """Raise `WouldDeadlock` on the thread that draws this viewer's window.

    Parameters
    ----------
    what
        What would wait, as the start of a sentence: "settle()".
    """
    if is_ours(vid):
        raise WouldDeadlock(
            f"{what} would wait for the window that this thread draws; call it on another "
            "thread, or look at the layers themselves"
        )
