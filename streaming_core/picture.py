"""What a notebook shows: a viewer as its screenshot and what it holds, and how many there are."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Mapping, Sized
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.memory.budget import say_bytes

WIDEST: Final = 900
"""Pixels of a picture in a notebook."""

MOST_ROWS: Final = 20
"""Groups that are listed."""


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture, (Y, X, 3 or 4), as a PNG file (ISO 15948), compressed for speed."""
    height, width, samples = picture.shape
    # Each row begins with the number of its filter: 0, none.
    rows = np.zeros((height, 1 + width * samples), np.uint8)
    rows[:, 1:] = picture.reshape(height, -1)
    kind = {3: 2, 4: 6}[samples]
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    chunks = (
        (b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b""),
    )  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture that is no wider than `WIDEST`: means of blocks of pixels."""
    by = -(-picture.shape[1] // WIDEST)
    if by == 1:
        return picture
    height, width = (length // by * by for length in picture.shape[:2])
    blocks = picture[:height, :width].reshape(height // by, by, width // by, by, -1)
    return np.asarray(blocks.mean((1, 3)), np.uint8)


def html_of(name: str, state: Mapping[str, Any], picture: NDArray[np.uint8] | None) -> str:
    """Return a viewer as HTML; every text of it may come from anybody, and is escaped."""
    memory = state["memory"]
    held = say_bytes(memory["held"])
    if memory.get("budget"):
        held += f" of {say_bytes(memory['budget'])}"
    facts = [count(state["groups"], "group"), held, count(state["producers"], "program")]
    if state["paused"]:
        facts.append(f"programs wait: {state.get('why') or 'it is paused'}")
    lines = [f"<b>{escape(name)}</b><br>{escape(' · '.join(facts))}"]
    if picture is not None:
        data = b64encode(png(shrunk(picture))).decode()
        lines.append(f'<img alt="screenshot" src="data:image/png;base64,{data}">')
    rows = [
        f"<tr><td>{escape(str(group['name']))}</td><td>{escape(_size(group))}</td>"
        f"<td>{escape(str(group['dtype']))}</td><td>{group['planes']} planes</td></tr>"
        for group in state["groups"][:MOST_ROWS]
    ]
    more = len(state["groups"]) - len(rows)
    if more:
        rows.append(f"<tr><td>and {more} more</td></tr>")
    lines.append(f"<table>{''.join(rows)}</table>")
    return "<div>" + "".join(lines) + "</div>"


def count(things: Sized, noun: str) -> str:
    """Say how many there are: "1 group", "2 groups"."""
    return f"{len(things)} {noun}{'s' * (len(things) != 1)}"


def _size(group: Mapping[str, Any]) -> str:
    pairs = zip(group["axes"], group["shape"], strict=False)
    return ", ".join(f"{name} {length}" for name, length in pairs)
