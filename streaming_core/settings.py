"""Settings: keyword > environment ``PLANECAST_*`` > default. Passed on explicitly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from streaming_core.errors import InvalidSetting

KIB: Final = 1 << 10
MIB: Final = 1 << 20

LONGEST: Final = 1e9
"""Seconds, which are 31 years: no system waits for more than nine times as long."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits and waiting times, each with its environment variable.

    Attributes
    ----------
    pool_bytes
        Shared memory that a producer reuses for slots (``PLANECAST_POOL_BYTES``).
    inline_below
        Arrays of fewer bytes travel inside the message (``PLANECAST_INLINE_BELOW``).
    hand_over_from
        Arrays of ``allocate()`` of at least so many bytes are handed over: the viewer uses
        their memory as it is (``PLANECAST_HAND_OVER_FROM``).
    credit
        Images that a viewer takes from one producer before it acks (``PLANECAST_CREDIT``).
    credit_bytes
        The same in bytes; one image is always taken (``PLANECAST_CREDIT_BYTES``).
    queue_bytes
        Bytes inside messages that wait at a viewer, of all its producers together; each may
        send one image in any case (``PLANECAST_QUEUE_BYTES``).
    backlog
        Images that a viewer owns but has not shown before it stops taking more
        (``PLANECAST_BACKLOG``).
    linger
        Seconds that leaving ``with``, or the end of the program, waits for images to be
        owned (``PLANECAST_LINGER``).
    handed_over
        Bytes of shared memory that a viewer keeps as layers' data without a copy; 0 stands for
        a quarter of it (``PLANECAST_HANDED_OVER``).
    restart_grace
        Seconds that images are kept for a viewer that died (``PLANECAST_RESTART_GRACE``).
    memory
        Bytes of images that a viewer keeps before producers wait; 0 stands for half of what it
        may use (``PLANECAST_MEMORY``).
    sessions
        Producers that a viewer serves at once (``PLANECAST_SESSIONS``).
    """

    pool_bytes: int = 256 * MIB
    inline_below: int = 32 * KIB
    hand_over_from: int = 64 * MIB
    credit: int = 64
    credit_bytes: int = 256 * MIB
    queue_bytes: int = 1024 * MIB
    backlog: int = 512
    linger: float = 30.0
    handed_over: int = 0
    restart_grace: float = 10.0
    memory: int = 0
    sessions: int = 1024

    @classmethod
    def load(
        cls, environment: Mapping[str, str] | None = None, **keywords: float | None
    ) -> Settings:
        """Return the settings: keywords that are not None, then environment, then defaults.

        Raises
        ------
        InvalidSetting
            Naming the variable or keyword and what it should be.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, float] = {}
        for item in fields(cls):
            kind = float if isinstance(item.default, float) else int
            variable = f"PLANECAST_{item.name.upper()}"
            given, where = keywords.pop(item.name, None), f"{item.name}="
            if given is None:
                text, where = environment.get(variable), variable
                if text is None:
                    continue
                try:
                    given = kind(text)
                except ValueError:
                    raise InvalidSetting(f"{where}={text!r} is not a number") from None
            if not given > 0:
                raise InvalidSetting(f"{where} must be above 0, not {given}")
            if kind is float and given > LONGEST:
                raise InvalidSetting(
                    f"{where} is a number of seconds up to {LONGEST:g}, not {given}"
                )
            values[item.name] = kind(given)
        if keywords:
            raise InvalidSetting(f"unknown settings: {', '.join(sorted(keywords))}")
        return cls(**values)  # type: ignore[arg-type]  # of each field its own kind, see above
