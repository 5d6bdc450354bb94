"""Everything that can go wrong, as one tree.

::

    PlanecastError
    ├── InvalidImage (ValueError)      refused in the caller's line, nothing was sent
    │   ├── InvalidArray               dtype, size or memory that cannot be shown
    │   ├── InvalidAxes                axes that do not fit the array
    │   ├── InvalidComponents          unusable names or values
    │   └── InvalidKind                a kind that no viewer knows
    ├── InvalidSetting (ValueError)    a keyword, port or PLANECAST_* value out of range
    │   └── InvalidPattern             a file name pattern that cannot be read
    ├── ViewerError                    a viewer could not be reached or used
    │   ├── ViewerNotFound             nobody answers there; says how to start one
    │   ├── NotAdmitted                it answers, but not to our key
    │   ├── VersionMismatch            it speaks another major version of the protocol
    │   ├── StartFailed                it ended, or hung, while it started; with its log
    │   │   └── NoDisplay              there is no screen for its window
    │   ├── PortTaken                  another program listens on that port
    │   ├── RequestFailed              it answered a request with an error
    │   │   └── MacroError             a macro failed, with its line
    │   └── WouldDeadlock              waiting here would wait for itself
    ├── Undelivered                    images that the viewer never owned, by name
    ├── TimedOut (TimeoutError)        a wait reached its limit; what it waited for goes on
    ├── MissingDependency (ImportError)  an extra is not installed; says the command
    ├── WireError                      bytes that are not a message of the protocol
    ├── SharedMemoryError
    │   ├── OutOfSharedMemory          the system gives no more; pixels travel inline
    │   └── SegmentGone                a segment that cannot be mapped
    ├── LeaseHeld                      another living process holds it
    └── InsecurePath                   a file or folder that others could change
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class PlanecastError(Exception):
    """Base of all errors that Planecast raises."""


class InvalidImage(PlanecastError, ValueError):
    """An image was refused before anything was sent."""


class InvalidArray(InvalidImage):
    """The array's dtype, size or memory cannot be shown."""


class InvalidAxes(InvalidImage):
    """The axes do not fit the array."""


class InvalidComponents(InvalidImage):
    """A component has an unusable name or value."""


class InvalidKind(InvalidImage):
    """No viewer knows this kind of image."""


class InvalidSetting(PlanecastError, ValueError):
    """A keyword, port or ``PLANECAST_*`` variable has a value that cannot be used."""


class InvalidPattern(InvalidSetting):
    """A file name pattern cannot be read."""


class ViewerError(PlanecastError):
    """A viewer could not be reached or used."""


class ViewerNotFound(ViewerError):
    """No viewer answers at the address."""


class NotAdmitted(ViewerError):
    """The viewer refused our key, or what listens there is not our viewer."""


class VersionMismatch(ViewerError):
    """The viewer speaks another major version of the protocol."""


class StartFailed(ViewerError):
    """A viewer process ended or hung while it started."""


class NoDisplay(StartFailed):
    """There is no display for the viewer's window."""


class PortTaken(ViewerError):
    """Another program, or a viewer of another kind, listens on the port."""


class RequestFailed(ViewerError):
    """The viewer answered a request with an error."""


class MacroError(RequestFailed):
    """A macro failed, asked a person something, or took too long.

    Attributes
    ----------
    text
        What went wrong.
    line
        Line of the macro, from 1; None where it is not known.
    log
        What the macro wrote to the Log window.
    """

    def __init__(self, text: str, *, line: int | None = None, log: str = "") -> None:
        super().__init__(text if line is None else f"line {line}: {text}")
        self.text = text
        self.line = line
        self.log = log

    def __reduce__(self) -> tuple[Any, ...]:
        return _macro_error, (self.text, self.line, self.log)


def _macro_error(text: str, line: int | None, log: str) -> MacroError:
    return MacroError(text, line=line, log=log)


class WouldDeadlock(ViewerError):
    """The call would wait for the thread that makes it."""


class Undelivered(PlanecastError):
    """Some images were never owned by the viewer.

    Attributes
    ----------
    images
        One line for each image: its name and the reason.
    """

    def __init__(self, message: str, images: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.images = tuple(images)


class TimedOut(PlanecastError, TimeoutError):
    """A wait reached its limit; what it waited for goes on."""


class MissingDependency(PlanecastError, ImportError):
    """A package of an extra is not installed.

    Parameters
    ----------
    what
        What needs it, as the start of a sentence: "Reading TIFF files".
    extra
        The extra that brings it: "files". Empty: ``what`` is the whole text.
    """

    def __init__(self, what: str, extra: str = "") -> None:
        super().__init__(
            f"{what} needs packages that are not installed here. "
            f"Install them: pip install 'planecast[{extra}]'"
            if extra
            else what
        )
        self.what = what
        self.extra = extra


class WireError(PlanecastError):
    """Bytes that are not a message of the protocol."""


class SharedMemoryError(PlanecastError):
    """Shared memory could not be made or mapped."""


class OutOfSharedMemory(SharedMemoryError):
    """The system gives no more shared memory."""


class SegmentGone(SharedMemoryError):
    """A segment does not exist, is not ours or is too small."""


class LeaseHeld(PlanecastError):
    """Another living process holds the lease."""


class InsecurePath(PlanecastError):
    """A file or folder belongs to, or can be changed by, somebody else."""
