"""The messages of the protocol as frozen structs. `docs/protocol.md` is their law."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

PROTOCOL: Final = "1.0"
"""Version: another major number is refused, minor differences are ignored."""

KINDS: Final = ("image", "labels")
"""The kinds of pixels that a viewer shows."""

MARKS: Final = ("points", "shapes", "tracks")
"""The kinds of what lies on pixels: rows of numbers, in the place of pixels."""

Value: TypeAlias = str | int | float
Cell: TypeAlias = str | bool | int | float | None
"""An entry of a table."""


class Message(msgspec.Struct, frozen=True, tag_field="type"):
    """Base of all messages: the JSON key ``type`` names the class in capitals."""


class Hello(Message, tag="HELLO", frozen=True):
    """Producer -> viewer: here I am, and here is some memory: can you see it."""

    sid: str
    run: str
    pid: int
    label: str = ""
    version: str = PROTOCOL
    probe: str = ""
    nonce: str = ""
    mode: str = "every"
    last: int = 0


class Welcome(Message, tag="WELCOME", frozen=True):
    """Viewer -> producer: admitted, and how much I take now."""

    vid: str
    viewer_kind: str
    credit: int
    credit_bytes: int
    version: str = PROTOCOL
    shm: bool = False
    lease: str = ""
    capabilities: tuple[str, ...] = ()


class Slab(msgspec.Struct, frozen=True, tag="shm", tag_field="way"):
    """Pixels in shared memory: bytes ``offset`` to ``offset + nbytes`` of a segment's payload.

    ``size`` is the least size of the whole segment; ``generation`` tells an overwritten one.
    ``lasting``: it will never be written again, so the viewer may keep it mapped (hand-over).
    """

    segment: str
    size: int
    generation: int
    nbytes: int
    offset: int = 0
    lasting: bool = False


class Inline(msgspec.Struct, frozen=True, tag="inline", tag_field="way"):
    """Pixels in the parts that follow the JSON part, in C order."""

    nbytes: int
    parts: int


class Table(msgspec.Struct, frozen=True):
    """What the bytes of points, shapes or tracks are.

    First ``rows`` rows of float64, one number for each of ``columns``: axis letters, after
    "id" for tracks. Behind them JSON with ``features``, and of shapes ``shapes``, ``lengths``.
    """

    columns: tuple[str, ...]
    rows: int


class Image(Message, tag="IMAGE", frozen=True):
    """Producer -> viewer, data: one array with its components.

    ``shape`` and ``dtype`` (numpy's string, e.g. "<u2") describe the array, ``axes`` its
    dimensions. A component of an axis T, C or Z is a list with one value per index.
    ``scale`` and ``origin`` are keyed by axis letters, in ``units`` (T in seconds).
    ``editable``: a person may paint these labels. Points, shapes and tracks travel as bytes
    (``shape`` is their number, ``axes`` empty) that ``table`` describes; their features are
    among them, those of labels in ``features``. ``keep``
    asks the viewer to hold no more than so many images of this source; 0: all.
    """

    sid: str
    seq: int
    run: str
    shape: tuple[int, ...]
    dtype: str
    axes: str
    where: Slab | Inline
    components: dict[str, Value | tuple[Value, ...]] = {}
    kind: str = "image"
    source: str = ""
    name: str = ""
    scale: dict[str, float] = {}
    origin: dict[str, float] = {}
    units: str = ""
    colormap: str = ""
    contrast_limits: tuple[float, float] | None = None
    metadata: dict[str, Any] = {}
    editable: bool = False
    table: Table | None = None
    features: dict[str, list[Cell]] = {}
    keep: int = 0


class Ack(Message, tag="ACK", frozen=True):
    """Viewer -> producer: these are owned; the memory is yours again."""

    vid: str
    sid: str
    seqs: tuple[int, ...]
    credit: int
    credit_bytes: int
    backlog: int = 0


class Shown(Message, tag="SHOWN", frozen=True):
    """Viewer -> producer: these are in their layer or hyperstack, or why not, by number.

    ``notes`` say what its user should know of an image as it is shown.
    """

    vid: str
    sid: str
    seqs: tuple[int, ...]
    errors: dict[str, str] = {}
    notes: dict[str, str] = {}


class Nack(Message, tag="NACK", frozen=True):
    """Viewer -> producer: these never came, or could not be read; send them again."""

    vid: str
    sid: str
    seqs: tuple[int, ...]
    reason: str = ""


class Ping(Message, tag="PING", frozen=True):
    """Producer -> viewer: still there? ``last`` is the newest number sent.

    ``undelivered`` counts the images that this viewer never owned, ``gaps`` those that one on
    this port owned, and that went with it. ``unacked`` is the lowest number that was sent and
    not acked, ``unshown`` the lowest that is owned and not shown, as far as the producer has
    heard; 0: none.
    """

    sid: str
    vid: str
    last: int
    undelivered: int = 0
    unacked: int = 0
    unshown: int = 0
    gaps: int = 0


class Pong(Message, tag="PONG", frozen=True):
    """Viewer -> producer: ``progress`` counts images shown, ``gui_age`` seconds since a tick.

    ``why`` says for a person why it is ``paused``, and what to do.
    """

    vid: str
    sid: str
    progress: int
    backlog: int
    paused: bool = False
    gui_age: float = 0.0
    why: str = ""


class Unknown(Message, tag="UNKNOWN", frozen=True):
    """Viewer -> producer: I do not know this session; say HELLO."""

    vid: str
    sid: str


class Drop(Message, tag="DROP", frozen=True):
    """Producer -> viewer: these will not come; do not ask for them."""

    sid: str
    seqs: tuple[int, ...]


class Bye(Message, tag="BYE", frozen=True):
    """Either way: the session ends (images stay), or the viewer closes.

    ``stay``: what the viewer owned stays in its window, which has only stopped listening.
    """

    sid: str = ""
    vid: str = ""
    reason: str = ""
    stay: bool = False


class Request(Message, tag="REQUEST", frozen=True):
    """Producer -> viewer: do this by name, and answer under this number."""

    sid: str
    number: int
    verb: str
    arguments: dict[str, Any] = {}


class ArrayResult(msgspec.Struct, frozen=True):
    """An array in a reply: in a one-off segment of the viewer's, or in the parts that follow."""

    shape: tuple[int, ...]
    dtype: str
    where: Slab | Inline


class Reply(Message, tag="REPLY", frozen=True):
    """Viewer -> producer: the result of a request, or its error.

    ``packed``: the result is too long for a JSON part, and the array holds it as JSON.
    """

    vid: str
    sid: str
    number: int
    result: Any = None
    array: ArrayResult | None = None
    error: str = ""
    packed: bool = False


class Release(Message, tag="RELEASE", frozen=True):
    """Producer -> viewer: the array of this reply has been copied."""

    sid: str
    number: int


class Refused(Message, tag="REFUSED", frozen=True):
    """Either way: a message could not be used, and why. Never answered."""

    reason: str
    sid: str = ""
    seq: int = 0


ToViewer: TypeAlias = Hello | Image | Ping | Drop | Bye | Request | Release | Refused
ToProducer: TypeAlias = Welcome | Ack | Shown | Nack | Pong | Unknown | Bye | Reply | Refused
