from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming_core.errors import WireError
from streaming_core.protocol import messages
from streaming_core.protocol.messages import Hello, Image, Inline, Ping, Slab
from streaming_core.protocol.wire import (
    LONGEST_HEAD,
    LONGEST_RESULT,
    check_image,
    decode_to_producer,
    decode_to_viewer,
    encode,
    join,
    pack,
    same_major,
    split,
    unpack,
)

SLAB = Slab("pc0123456789abcdef_1", 4096 + 32, 2, 32)


def image(**changes: Any) -> Image:
    plain = Image(
        sid="0123456789abcdef.1", seq=1, run="r", shape=(4, 4), dtype="<u2", axes="YX", where=SLAB
    )
    return msgspec.structs.replace(plain, **changes)


def test_a_message_comes_back_as_it_was() -> None:
    sent = image(components={"well": "B03", "t": 1.5, "n": 3}, scale={"X": 0.1})
    assert decode_to_viewer(encode(sent)) == sent
    hello = Hello("0123456789abcdef.1", "r", 7)
    assert decode_to_viewer(encode(hello)) == hello


def test_unknown_keys_are_ignored_unknown_types_refused() -> None:
    assert decode_to_viewer(b'{"type":"PING","sid":"a","vid":"b","last":3,"new":[1]}') == Ping(
        "a", "b", 3
    )
    for head in (b'{"type":"NEW"}', b"{}", b"[]", b"", b"\xff", b"1", b'{"type":"PING"}'):
        with pytest.raises(WireError):
            decode_to_viewer(head)
    with pytest.raises(WireError):
        decode_to_producer(encode(image()))


def test_nothing_is_parsed_beyond_the_limits() -> None:
    with pytest.raises(WireError, match="at most"):
        decode_to_viewer(b" " * (LONGEST_HEAD + 1))
    with pytest.raises(WireError):
        decode_to_viewer(b"[" * 100_000)
    with pytest.raises(WireError):
        encode(image(metadata={"a": "x" * LONGEST_HEAD}))


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": "O"},
        {"dtype": "|O"},
        {"dtype": ">u2"},
        {"dtype": "<U4"},
        {"dtype": "u2,u2"},
        {"dtype": "V8"},
        {"dtype": "<c8"},
        {"shape": (4, 5)},
        {"shape": (0, 4)},
        {"shape": (-4, -4)},
        {"shape": (1,) * 9},
        {"shape": (2**62, 2**62)},
        {"axes": "ZYX"},
        {"axes": "XY"},
        {"kind": "picture"},
        {"components": {"z": (1, 2)}},
        {"components": {"BAD": 1}},
        {"seq": 0},
        {"source": "x" * 5000},
        {"where": Slab("pc0123456789abcdef_1", 4096, 2, 32, offset=-8)},
        {"where": Slab("pc0123456789abcdef_1", 16, 2, 32)},
        {"where": Slab("pc0123456789abcdef_1", 9999, 2, 31)},
        {"where": Inline(32, 1)},
        {"where": Inline(31, 0)},
    ],
)
def test_inconsistent_images_are_refused_before_memory_is_touched(changes: dict[str, Any]) -> None:
    check_image(image(), 0)
    with pytest.raises(WireError):
        check_image(image(**changes), 0)


def test_pixels_travel_in_parts_and_come_back() -> None:
    pixels = np.arange(3 * 700 * 800, dtype=np.uint16).reshape(3, 700, 800)[:, ::2]
    parts = split(pixels)
    assert len(parts) > 1
    assert np.array_equal(join(parts, pixels.shape, "<u2"), pixels)
    with pytest.raises(WireError):
        join(parts[1:], pixels.shape, "<u2")


def test_a_result_that_is_too_long_for_one_part_travels_as_an_array() -> None:
    assert pack({"groups": []}) is None
    result = {"t": list(range(300_000)), "name": "é"}
    packed = pack(result)
    assert packed is not None
    assert packed.nbytes > LONGEST_HEAD
    assert unpack(packed) == result
    with pytest.raises(WireError):
        unpack(packed[:-1])
    with pytest.raises(WireError):
        unpack(np.broadcast_to(np.uint8(32), LONGEST_RESULT + 1))
    with pytest.raises(WireError):
        pack(object())


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_wire_error(head: bytes) -> None:
    for decode in (decode_to_viewer, decode_to_producer):
        try:
            decode(head)
        except WireError:
            continue


def test_versions_with_the_same_major_number_understand_each_other() -> None:
    assert same_major(messages.PROTOCOL)
    assert same_major("1.99")
    assert not same_major("2.0")
    assert not same_major("")
