"""What was streamed is saved as any layer, and as OME-TIFF with scale, units and names."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import napari
import numpy as np
import pytest
import tifffile

from napari_plugin.writer import write_ome
from streaming_core import files
from tests.napari.feed import Stream


def images(path: Path) -> list[dict[str, str]]:
    """Return name, sizes and units of each image in the file, as other programs read them."""
    with tifffile.TiffFile(path) as file:
        root = ElementTree.fromstring(file.ome_metadata or "")  # noqa: S314
    found = []
    for image in root.findall(".//{*}Image"):
        pixels = image.findall("{*}Pixels")[0]
        found.append({"Name": image.get("Name", ""), **pixels.attrib})
    return found


def stack(stream: Stream, dtype: str = "u2", **words: Any) -> np.ndarray[Any, Any]:
    volume = np.random.default_rng(0).integers(0, 200, (2, 3, 4, 20, 30)).astype(dtype)
    for w, well in enumerate(("B02", "B03")):
        for t in range(3):
            where = {"well": well, "t": t, "z": [0, 1, 2, 3]}
            stream.show(volume[w, t], "ZYX", where, source="raw", **words)
    stream.settle()
    return volume


def test_naparis_own_writer_has_every_plane(stream: Stream, tmp_path: Path) -> None:
    volume = np.random.default_rng(0).integers(0, 200, (5, 6, 20, 30)).astype("u2")
    for t in range(5):
        stream.show(volume[t], "ZYX", {"t": t}, source="raw")
    stream.settle()
    (written,) = stream.viewer.layers["raw"].save(str(tmp_path / "raw.tif"))
    np.testing.assert_array_equal(tifffile.imread(written), volume)


def test_scale_units_and_names_are_in_an_ome_tiff(stream: Stream, tmp_path: Path) -> None:
    scale = {"T": 5.0, "Z": 0.5, "Y": 0.1, "X": 0.1}
    volume = stack(stream, scale=scale, units="um")
    (written,) = stream.viewer.layers["raw"].save(str(tmp_path / "raw.ome.tif"))
    with tifffile.TiffFile(written) as file:
        assert [one.axes for one in file.series] == ["TZYX", "TZYX"]
        for at, one in enumerate(file.series):
            np.testing.assert_array_equal(one.asarray(), volume[at])
    first, second = images(Path(written))
    assert (first["Name"], second["Name"]) == ("raw · well B02", "raw · well B03")
    assert float(first["PhysicalSizeX"]) == pytest.approx(0.1)
    assert float(first["PhysicalSizeZ"]) == pytest.approx(0.5)
    assert float(first["TimeIncrement"]) == pytest.approx(5.0)
    assert (first["PhysicalSizeXUnit"], first["TimeIncrementUnit"]) == ("µm", "s")


def test_a_saved_file_can_be_sent_as_it_was(stream: Stream, tmp_path: Path) -> None:
    scale = {"T": 5.0, "Z": 0.5, "Y": 0.1, "X": 0.1}
    volume = stack(stream, scale=scale, units="um")
    (written,) = stream.viewer.layers["raw"].save(str(tmp_path / "raw.ome.tif"))
    planes = list(files.images([Path(written)]))
    assert len(planes) == 2 * 3 * 4
    for plane in planes:
        assert isinstance(plane, files.FileImage)
        place = tuple(int(plane.components[name]) for name in ("series", "t", "z"))
        np.testing.assert_array_equal(plane.array, volume[place])
        assert plane.units == "um"
        assert plane.scale == pytest.approx(scale)


def test_without_a_scale_none_is_written(stream: Stream, tmp_path: Path) -> None:
    stack(stream)
    (written,) = stream.viewer.layers["raw"].save(str(tmp_path / "raw.ome.tif"))
    assert not any("Physical" in name for name in images(Path(written))[0])


def test_labels_of_8_bytes_keep_their_values_or_say_why_not(stream: Stream, tmp_path: Path) -> None:
    masks = np.arange(600, dtype=np.int64).reshape(20, 30)
    masks[0, 0] = 4_000_000_000
    stream.show(masks, kind="labels", source="seg", components={"z": 0})
    stream.settle()
    layer = stream.viewer.layers["seg · labels"]
    (written,) = layer.save(str(tmp_path / "seg.ome.tif"))
    np.testing.assert_array_equal(tifffile.imread(written), masks)
    stream.show(masks + (1 << 40), kind="labels", source="seg", components={"z": 1})
    stream.settle()
    with pytest.raises(OverflowError, match=r"no 64-bit integers.*save as \.tif"):
        layer.save(str(tmp_path / "more.ome.tif"))


def test_rgb_and_layers_of_others_are_saved_too(stream: Stream, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype("u1")
    stream.show(picture, "YXS", source="photo", components={"well": "B02"})
    stream.settle()
    (written,) = stream.viewer.layers["photo"].save(str(tmp_path / "photo.ome.tif"))
    np.testing.assert_array_equal(tifffile.imread(written), picture)
    theirs = np.random.default_rng(0).random((3, 4, 20, 30))
    layer = napari.layers.Image(theirs, name="theirs", scale=(1, 2, 3, 3), units="nm")
    (written,) = layer.save(str(tmp_path / "theirs.ome.tiff"))
    np.testing.assert_array_equal(tifffile.imread(written), theirs)
    (one,) = images(Path(written))
    assert (one["SizeT"], one["SizeZ"], one["PhysicalSizeYUnit"]) == ("3", "4", "nm")


def test_micrometres_are_written_with_the_sign_that_ome_knows(tmp_path: Path) -> None:
    greek = "\N{GREEK SMALL LETTER MU}m"  # as newer versions of pint call the unit
    meta = {"scale": (0.1, 0.1), "units": (greek, greek), "axis_labels": ("y", "x"), "name": "raw"}
    (written,) = write_ome(str(tmp_path / "raw.ome.tif"), np.zeros((8, 9), "u2"), meta)
    (image,) = images(Path(written))
    assert image["PhysicalSizeXUnit"] == "\N{MICRO SIGN}m"


@pytest.mark.parametrize(("dtype", "saved"), [("u4", "u4"), ("i8", "u4")])
def test_labels_are_saved_as_they_were_sent_though_napari_draws_them_as_small_numbers(
    stream: Stream, tmp_path: Path, dtype: str, saved: str
) -> None:
    volume = np.random.default_rng(0).integers(0, 60_000, (5, 20, 30)).astype(dtype)
    stream.show(volume, "ZYX", source="cells", kind="labels")
    stream.settle()
    layer = stream.viewer.layers["cells · labels"]
    assert np.asarray(layer.data).dtype == dtype
    np.testing.assert_array_equal(np.asarray(layer.data) * 2, volume * 2)
    for name in ("cells.ome.tif", "cells.tif"):
        (written,) = layer.save(str(tmp_path / name))
        found = tifffile.imread(written)
        assert found.dtype == saved  # OME-TIFF, and napari, write labels of 8 bytes as 4
        np.testing.assert_array_equal(found, volume)
