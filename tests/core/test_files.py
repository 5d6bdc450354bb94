"""Files become planes with the right axes, places and sizes, and bad ones are named."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from streaming_core.errors import InvalidPattern, MissingDependency
from streaming_core.files import FileImage, FileProblem, Pattern, expand, images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

tifffile = pytest.importorskip("tifffile", reason="the extra `files` is not installed")

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the real images in ../shared/data")


def show(
    paths: Sequence[Path], pattern: str | None = None
) -> tuple[list[FileImage], list[FileProblem]]:
    found = list(images(paths, Pattern(pattern) if pattern else None))
    return (
        [item for item in found if isinstance(item, FileImage)],
        [item for item in found if isinstance(item, FileProblem)],
    )


def only(path: Path) -> list[FileImage]:
    good, bad = show([path])
    assert not bad
    return good


def ramp(*shape: int, dtype: str = "uint16") -> NDArray[Any]:
    """No two pixels alike, so that a plane at the wrong place is seen."""
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def write(path: Path, array: NDArray[Any], **keywords: Any) -> Path:
    keywords.setdefault("photometric", "minisblack")
    tifffile.imwrite(path, array, **keywords)
    return path


def same_planes(found: list[FileImage], volume: NDArray[Any], names: tuple[str, ...]) -> None:
    """Each plane of the volume came once, at its place, pixel by pixel."""
    assert len(found) == np.prod(volume.shape[: len(names)])
    for item in found:
        assert set(item.components) == set(names)
        np.testing.assert_array_equal(item.array, volume[index(item, *names)])


def index(item: FileImage, *names: str) -> tuple[int, ...]:
    return tuple(int(item.components[name]) for name in names)


class TestPattern:
    def test_reads_the_components_of_an_imagexpress_name(self) -> None:
        pattern = Pattern("Projection-Mix_{well}_s{site}_w{channel}_ZStep_{z}.tif")
        assert pattern.names == ("well", "site", "channel", "z")
        assert pattern.match(Path("/plates/7/Projection-Mix_E07_s1_w2_ZStep_10.tif")) == {
            "well": "E07",
            "site": 1,
            "channel": 2,
            "z": 10,
        }

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("0", 0),
            ("7", 7),
            ("10", 10),
            ("01", "01"),
            ("00", "00"),
            ("-3", "-3"),
            ("1.5", "1.5"),
            ("٣", "٣"),
            ("DAPI", "DAPI"),
            ("9" * 30, "9" * 30),
        ],
    )
    def test_only_digits_without_a_leading_zero_become_numbers(
        self, text: str, value: str | int
    ) -> None:
        assert Pattern("img_{z}.tif").match(f"img_{text}.tif") == {"z": value}

    def test_takes_the_shortest_text_that_fits(self) -> None:
        assert Pattern("{plate}_{well}_{rest}.tif").match("a_B03_c_d.tif") == {
            "plate": "a",
            "well": "B03",
            "rest": "c_d",
        }
        assert Pattern("{row}{column}.tif").match("B12.tif") == {"row": "B", "column": 12}

    def test_everything_outside_braces_stands_for_itself(self) -> None:
        pattern = Pattern("a+b(1).{z}.tif")
        assert pattern.match("a+b(1).5.tif") == {"z": 5}
        assert pattern.match("aab(1).5.tif") is None
        assert pattern.match("a+b(1)x5.tif") is None

    def test_another_name_does_not_match(self) -> None:
        pattern = Pattern("{well}_z{z}.tif")
        assert pattern.match("E07_MIP.tif") is None
        assert pattern.match("E07_z1.tif.bak") is None
        assert pattern.match("_z1.tif") is None

    def test_folders_are_read_when_the_pattern_has_them(self) -> None:
        pattern = Pattern("{plate}/t{t}/{well}.tif")
        assert pattern.match(Path("/data/P1/t4/B03.tif")) == {"plate": "P1", "t": 4, "well": "B03"}
        assert pattern.match(Path("t4/B03.tif")) is None

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("image.tif", "no {name}"),
            ("{z}_{z}.tif", "{z} twice"),
            ("{Well}.tif", "'well'"),
            ("{}.tif", "component name ''"),
            ("{1st}.tif", "small letters"),
            ("{z:03d}.tif", "small letters"),
            ("{x}.tif", "origin="),
            ("{kind}.tif", "kind="),
            ("{well}_{z.tif", "brace"),
            ("{well}_z}.tif", "brace"),
        ],
    )
    def test_a_pattern_that_cannot_be_read_says_why(self, text: str, said: str) -> None:
        with pytest.raises(InvalidPattern) as caught:
            Pattern(text)
        assert said in str(caught.value)
        assert text in str(caught.value)


class TestExpand:
    def touch(self, folder: Path, *names: str) -> None:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()

    def names(self, paths: list[Path]) -> list[str]:
        return [path.name for path in paths]

    def test_numbers_in_names_sort_by_value(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "b_z10.tif", "b_z2.tif", "a_z1.tif", "b_z1.tif")
        paths, problems = expand([f"{tmp_path}/*.tif"])
        assert self.names(paths) == ["a_z1.tif", "b_z1.tif", "b_z2.tif", "b_z10.tif"]
        assert not problems

    def test_the_same_order_when_the_shell_has_expanded_the_glob(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "z1.tif", "z10.tif", "z2.tif")
        paths, _ = expand([str(path) for path in sorted(tmp_path.iterdir())])
        assert self.names(paths) == ["z1.tif", "z2.tif", "z10.tif"]

    def test_a_folder_stands_for_its_tiffs(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "a.tif", "b.TIFF", "c.ome.tif", "._a.tif", "notes.txt", "sub/d.tif")
        paths, problems = expand([tmp_path])
        assert self.names(paths) == ["a.tif", "b.TIFF", "c.ome.tif"]
        assert not problems

    def test_globs_reach_into_folders(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "t2/a.tif", "t10/a.tif", "t10/deep/b.tif")
        paths, _ = expand([f"{tmp_path}/**/*.tif"])
        assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
            "t2/a.tif",
            "t10/a.tif",
            "t10/deep/b.tif",
        ]
        assert self.names(expand([f"{tmp_path}/t*"])[0]) == ["a.tif", "a.tif"]

    def test_each_file_comes_once(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "a.tif")
        paths, _ = expand(
            [tmp_path / "a.tif", f"{tmp_path}/*", str(tmp_path), f"{tmp_path}/./a.tif"]
        )
        assert self.names(paths) == ["a.tif"]

    def test_a_name_with_brackets_is_a_name(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "a[1].tif")
        paths, problems = expand([tmp_path / "a[1].tif"])
        assert self.names(paths) == ["a[1].tif"]
        assert not problems

    def test_what_stands_for_no_file_is_named_and_the_rest_goes_on(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "a.tif")
        (tmp_path / "empty").mkdir()
        paths, problems = expand(
            [
                tmp_path / "a.tif",
                f"{tmp_path}/*.png",
                tmp_path / "b.tif",
                tmp_path / "empty",
                "n" * 999,
            ]
        )
        assert self.names(paths) == ["a.tif"]
        assert [problem.message for problem in problems] == [
            "no file matches",
            "no such file or folder",
            "no TIFF file in this folder",
            "no such file or folder",
        ]
        assert str(problems[0]) == f"{tmp_path}/*.png: no file matches"


class TestAxes:
    def test_a_plain_plane(self, tmp_path: Path) -> None:
        (item,) = only(write(tmp_path / "cells.tif", ramp(4, 5)))
        assert (item.axes, item.components, item.path.name) == ("YX", {}, "cells.tif")
        assert (item.scale, item.units, item.progress) == (None, None, 1.0)
        np.testing.assert_array_equal(item.array, ramp(4, 5))

    @pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint32", "float32", "float64"])
    def test_dtypes_stay_what_they_are(self, tmp_path: Path, dtype: str) -> None:
        array = ramp(4, 5, dtype=dtype)
        (item,) = only(write(tmp_path / "a.tif", array))
        assert item.array.dtype == array.dtype
        np.testing.assert_array_equal(item.array, array)

    def test_big_endian_files_come_in_the_order_of_this_machine(self, tmp_path: Path) -> None:
        (item,) = only(write(tmp_path / "a.tif", ramp(4, 5), byteorder=">"))
        assert item.array.dtype.isnative
        np.testing.assert_array_equal(item.array, ramp(4, 5))

    @pytest.mark.parametrize("metadata", [None, {}], ids=["bare", "shaped"])
    def test_pages_without_a_meaning_are_z(
        self, tmp_path: Path, metadata: dict[str, Any] | None
    ) -> None:
        found = only(write(tmp_path / "a.tif", ramp(3, 4, 5), metadata=metadata))
        same_planes(found, ramp(3, 4, 5), ("z",))
        assert [item.progress for item in found] == pytest.approx([1 / 3, 2 / 3, 1])

    def test_two_axes_without_a_meaning_are_a_problem(self, tmp_path: Path) -> None:
        good, (bad,) = show([write(tmp_path / "a.tif", ramp(2, 3, 4, 5))])
        assert not good
        assert "(2, 3, 4, 5)" in bad.message
        assert "not known" in bad.message

    def test_imagej_hyperstack(self, tmp_path: Path) -> None:
        volume = ramp(2, 3, 4, 5, 6)
        path = write(tmp_path / "a.tif", volume, imagej=True, metadata={"axes": "TZCYX"})
        same_planes(only(path), volume, ("t", "z", "channel"))

    def test_imagej_stack_behind_a_single_page(self, tmp_path: Path) -> None:
        # how ImageJ writes more than 4 GB: one page, and the planes follow it without pages
        volume = ramp(3, 4, 5, 6)
        path = write(
            tmp_path / "a.tif", volume, imagej=True, truncate=True, metadata={"axes": "TZYX"}
        )
        found = only(path)
        same_planes(found, volume, ("t", "z"))
        assert found[0].progress < found[-1].progress == 1.0

    def test_ome_hyperstack_with_channel_names(self, tmp_path: Path) -> None:
        volume = ramp(2, 2, 3, 4, 5)
        path = write(
            tmp_path / "a.ome.tif",
            volume,
            ome=True,
            metadata={"axes": "TCZYX", "Channel": {"Name": ["DAPI", "GFP"]}},
        )
        found = only(path)
        assert len(found) == 12
        for item in found:
            channel = volume[:, ["DAPI", "GFP"].index(str(item.components["channel"]))]
            np.testing.assert_array_equal(item.array, channel[index(item, "t", "z")])

    def test_channels_of_one_name_are_told_apart_by_number(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.ome.tif",
            ramp(2, 4, 5),
            ome=True,
            metadata={"axes": "CYX", "Channel": {"Name": ["GFP", "GFP"]}},
        )
        same_planes(only(path), ramp(2, 4, 5), ("channel",))

    def test_a_single_named_channel_keeps_its_name(self, tmp_path: Path) -> None:
        meta = {"axes": "YX", "Channel": {"Name": ["DAPI"]}}
        path = write(tmp_path / "w2.ome.tif", ramp(4, 5), ome=True, metadata=meta)
        assert only(path)[0].components == {"channel": "DAPI"}
        good, bad = show([path], "w{channel}.ome.tif")
        assert good[0].components == {"channel": 2}  # the file's name is what the user asked for
        assert not bad

    @pytest.mark.parametrize("planar", ["contig", "separate"])
    def test_rgb_stays_one_image(self, tmp_path: Path, planar: str) -> None:
        colour = ramp(4, 5, 3, dtype="uint8")
        stored = colour if planar == "contig" else np.moveaxis(colour, -1, 0)
        path = write(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
        (item,) = only(path)
        assert (item.axes, item.components) == ("YXS", {})
        np.testing.assert_array_equal(item.array, colour)

    def test_a_series_of_rgb_images(self, tmp_path: Path) -> None:
        colours = ramp(2, 4, 5, 3, dtype="uint8")
        found = only(write(tmp_path / "a.tif", colours, photometric="rgb"))
        same_planes(found, colours, ("z",))
        assert {item.axes for item in found} == {"YXS"}

    def test_samples_that_are_no_colour_are_channels(self, tmp_path: Path) -> None:
        array = ramp(4, 5, 3)
        found = only(write(tmp_path / "a.tif", array, planarconfig="contig"))
        same_planes(found, np.moveaxis(array, -1, 0), ("channel",))

    def test_several_images_in_a_file_stand_apart(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as tif:
            tif.write(ramp(4, 5), photometric="minisblack", metadata=None)
            tif.write(ramp(6, 7), photometric="minisblack", metadata=None)
        found = only(path)
        assert [item.components for item in found] == [{"series": 0}, {"series": 1}]
        assert [item.array.shape for item in found] == [(4, 5), (6, 7)]

    def test_files_of_one_ome_set_each_give_their_own_planes(self, tmp_path: Path) -> None:
        volume = ramp(2, 4, 5)
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
            'SizeX="5" SizeY="4" SizeZ="2" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>'
            '<TiffData FirstZ="0" IFD="0" PlaneCount="1">'
            '<UUID FileName="z0.ome.tif">urn:uuid:0</UUID></TiffData>'
            '<TiffData FirstZ="1" IFD="0" PlaneCount="1">'
            '<UUID FileName="z1.ome.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
        )
        for z in (0, 1):
            description = xml.replace("{own}", str(z))
            write(tmp_path / f"z{z}.ome.tif", volume[z], description=description, metadata=None)
        good, bad = show([tmp_path / "z0.ome.tif", tmp_path / "z1.ome.tif"])
        assert not bad
        assert [item.components for item in good] == [
            {"file": "z0", "z": 0},
            {"file": "z1", "z": 1},
        ]
        np.testing.assert_array_equal(np.stack([item.array for item in good]), volume)


class TestSizes:
    def test_ome_pixel_sizes_in_any_unit(self, tmp_path: Path) -> None:
        meta = {
            "axes": "TZYX",
            "PhysicalSizeX": 100.0,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.1,
            "PhysicalSizeZ": 0.0005,
            "PhysicalSizeZUnit": "mm",
            "TimeIncrement": 500.0,
            "TimeIncrementUnit": "ms",
        }
        item = only(write(tmp_path / "a.ome.tif", ramp(2, 2, 4, 5), ome=True, metadata=meta))[0]
        assert item.scale == pytest.approx({"X": 0.1, "Y": 0.1, "Z": 0.5, "T": 0.5})
        assert item.units == "um"

    @pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m"])
    def test_imagej_pixel_sizes(self, tmp_path: Path, unit: str) -> None:
        meta = {"axes": "TZYX", "unit": unit, "spacing": 0.5, "finterval": 2.0}
        item = only(
            write(
                tmp_path / "a.tif",
                ramp(2, 2, 4, 5),
                imagej=True,
                resolution=(10, 5),
                metadata=meta,
            )
        )[0]
        assert item.scale == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5, "T": 2.0})
        assert item.units == "um"

    def test_imagej_without_a_unit_says_nothing_about_size(self, tmp_path: Path) -> None:
        (item,) = only(write(tmp_path / "a.tif", ramp(4, 5), imagej=True, resolution=(10, 10)))
        assert (item.scale, item.units) == (None, None)

    def test_resolution_in_centimetres_is_taken_where_it_is_a_microscope(
        self, tmp_path: Path
    ) -> None:
        fine = write(tmp_path / "a.tif", ramp(4, 5), resolution=(20_000, 10_000), resolutionunit=3)
        assert only(fine)[0].scale == pytest.approx({"X": 0.5, "Y": 1.0})
        print_ = write(tmp_path / "b.tif", ramp(4, 5), resolution=(118, 118), resolutionunit=3)
        assert only(print_)[0].scale is None
        screen = write(tmp_path / "c.tif", ramp(4, 5), resolution=(72, 72), resolutionunit=2)
        assert only(screen)[0].scale is None


class TestNames:
    def test_components_come_from_the_name_and_from_the_file(self, tmp_path: Path) -> None:
        for well in ("B03", "B04"):
            write(tmp_path / f"{well}_t7.tif", ramp(2, 4, 5), imagej=True, metadata={"axes": "ZYX"})
        good, bad = show(expand([tmp_path])[0], "{well}_t{t}.tif")
        assert not bad
        assert [item.components for item in good] == [
            {"well": well, "t": 7, "z": z} for well in ("B03", "B04") for z in (0, 1)
        ]
        assert [item.progress for item in good] == [0.5, 1.0, 1.5, 2.0]

    def test_a_component_in_the_name_and_in_the_file_is_a_problem(self, tmp_path: Path) -> None:
        path = write(tmp_path / "z1.tif", ramp(2, 4, 5))
        good, (bad,) = show([path], "z{z}.tif")
        assert not good
        assert "'z'" in bad.message
        assert "2 planes" in bad.message

    def test_an_axis_of_one_does_not_dispute_the_name(self, tmp_path: Path) -> None:
        path = write(tmp_path / "z4.tif", ramp(1, 4, 5), imagej=True, metadata={"axes": "ZYX"})
        good, bad = show([path], "z{z}.tif")
        assert [item.components for item in good] == [{"z": 4}]
        assert not bad

    def test_a_name_that_does_not_fit_is_named_and_the_others_go(self, tmp_path: Path) -> None:
        write(tmp_path / "B03_z1.tif", ramp(4, 5))
        write(tmp_path / "B03_MIP.tif", ramp(4, 5))
        good, (bad,) = show(expand([tmp_path])[0], "{well}_z{z}.tif")
        assert [item.components for item in good] == [{"well": "B03", "z": 1}]
        assert bad.path.name == "B03_MIP.tif"
        assert "{well}_z{z}.tif" in bad.message

    def test_two_files_for_one_place_are_a_problem(self, tmp_path: Path) -> None:
        for folder in ("one", "two"):
            (tmp_path / folder).mkdir()
            write(tmp_path / folder / "z1.tif", ramp(4, 5))
        paths, _ = expand([f"{tmp_path}/*/z1.tif"])
        good, (bad,) = show(paths, "z{z}.tif")
        assert len(good) == 1
        assert bad.path == tmp_path / "two" / "z1.tif"
        assert str(tmp_path / "one" / "z1.tif") in bad.message

    def test_without_a_pattern_files_stand_side_by_side(self, tmp_path: Path) -> None:
        paths = [write(tmp_path / name, ramp(4, 5)) for name in ("b.tif", "a.ome.tif")]
        good, _ = show(paths)
        assert [item.components for item in good] == [{"file": "b"}, {"file": "a"}]

    def test_files_of_one_name_are_told_apart_by_their_folders(self, tmp_path: Path) -> None:
        for folder in ("one", "two"):
            (tmp_path / folder).mkdir()
            write(tmp_path / folder / "a.tif", ramp(4, 5))
        good, _ = show(expand([f"{tmp_path}/*"])[0])
        assert [item.components for item in good] == [{"file": "one/a.tif"}, {"file": "two/a.tif"}]


class TestBadFiles:
    def test_the_others_still_go(self, tmp_path: Path) -> None:
        write(tmp_path / "a.tif", ramp(4, 5))
        (tmp_path / "b.tif").write_text("These are notes.")
        (tmp_path / "c.tif").touch()
        write(tmp_path / "e.tif", ramp(4, 5).astype("complex64"))
        write(tmp_path / "f.tif", ramp(4, 5))
        paths = [*expand([tmp_path])[0], tmp_path / "gone.tif", tmp_path]
        good, bad = show(paths)
        assert [item.path.name for item in good] == ["a.tif", "f.tif"]
        assert [(problem.path.name, problem.message) for problem in bad[:2]] == [
            ("b.tif", "not a TIFF file"),
            ("c.tif", "not a TIFF file"),
        ]
        assert "complex" in bad[2].message
        assert bad[3].message == "no such file or directory"
        assert bad[4].message == "is a directory"

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
    @pytest.mark.timeout(20)
    def test_a_pipe_that_nobody_writes_to_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.tif")
        (tmp_path / "b.tif").symlink_to("a.tif")
        (tmp_path / "c.tif").symlink_to("gone.tif")
        (tmp_path / "e.tif").symlink_to(write(tmp_path / "d.tif", ramp(4, 5)))
        good, bad = show(expand([f"{tmp_path}/*.tif"])[0])
        assert [item.path.name for item in good] == ["d.tif", "e.tif"]
        assert [(problem.path.name, problem.message) for problem in bad] == [
            ("a.tif", "not a regular file"),
            ("b.tif", "not a regular file"),
            ("c.tif", "no such file or directory"),
        ]

    @pytest.mark.parametrize("form", ["ome", "imagej", "zlib"])
    def test_half_a_copy_is_never_shown_as_something_else(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str
    ) -> None:
        caplog.set_level(logging.CRITICAL)  # not even in a program that hides other logs
        how: dict[str, dict[str, Any]] = {
            "ome": {"ome": True, "metadata": {"axes": "TZYX"}},
            "imagej": {"imagej": True, "metadata": {"axes": "TZYX"}},
            "zlib": {"compression": "zlib", "metadata": {"axes": "TZYX"}},
        }
        volume = np.random.default_rng(0).integers(0, 4000, (3, 4, 32, 32), np.uint16)
        whole = write(tmp_path / "whole.tif", volume, **how[form]).read_bytes()
        cut = tmp_path / "cut.tif"
        for length in range(0, len(whole) - 600, len(whole) // 40):
            cut.write_bytes(whole[:length])
            good, bad = show([cut])
            assert bad
            for item in good:
                np.testing.assert_array_equal(item.array, volume[index(item, "t", "z")])

    def test_a_damaged_plane_does_not_keep_the_others_back(self, tmp_path: Path) -> None:
        volume = np.random.default_rng(0).integers(0, 4000, (5, 32, 32), np.uint16)
        path = write(
            tmp_path / "a.tif", volume, imagej=True, compression="zlib", metadata={"axes": "ZYX"}
        )
        with tifffile.TiffFile(path) as tif:
            start = tif.pages[2].dataoffsets[0]
        content = bytearray(path.read_bytes())
        content[start : start + 8] = bytes(8)
        path.write_bytes(content)
        good, (bad,) = show([path])
        assert [item.components["z"] for item in good] == [0, 1, 3, 4]
        assert "1 of its 5 pages" in bad.message
        assert "z 2" in bad.message

    @pytest.mark.parametrize("compression", ["lzw", "zstd", "jpeg2000"])
    def test_files_that_microscopes_compress_are_read(
        self, tmp_path: Path, compression: str
    ) -> None:
        pixels = np.random.default_rng(1).integers(0, 4000, (64, 80), np.uint16)
        (good,), bad = show([write(tmp_path / "a.tif", pixels, compression=compression)])
        assert not bad
        assert np.array_equal(good.array, pixels)

    def test_a_compression_that_nobody_knows_is_a_problem(self, tmp_path: Path) -> None:
        content = bytearray(write(tmp_path / "a.tif", ramp(4, 5), compression="zlib").read_bytes())
        with tifffile.TiffFile(tmp_path / "a.tif") as tif:
            where = tif.pages[0].tags["Compression"].valueoffset
        content[where : where + 2] = (64999).to_bytes(2, "little")
        (tmp_path / "a.tif").write_bytes(content)
        good, (bad,) = show([tmp_path / "a.tif"])
        assert not good
        assert "a.tif" in str(bad)

    def test_without_tifffile_the_error_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "tifffile", None)
        with pytest.raises(MissingDependency, match=r"planecast\[files\]"):
            images([Path("a.tif")])


@needs_data
class TestRealFiles:
    def test_a_plate_with_a_hole(self) -> None:
        paths, problems = expand([f"{DATA}/hcs_imagexpress/*ZStep*.tif"])
        good, bad = show(paths, "Projection-Mix_{well}_s{site}_w{channel}_ZStep_{z}.tif")
        assert not problems
        assert not bad
        assert len(good) == 30
        places = {(item.components["well"], item.components["channel"]) for item in good}
        assert places == {("E07", 1), ("E07", 2), ("E08", 1)}
        assert [item.components["z"] for item in good[:10]] == list(range(1, 11))
        assert {(item.array.dtype.str, item.array.shape) for item in good} == {("<u2", (512, 512))}
        assert good[0].scale == pytest.approx({"Y": 1.3668, "X": 1.3668})
        for item in good:
            np.testing.assert_array_equal(item.array, tifffile.imread(item.path))

    def test_files_that_do_not_fit_the_pattern_are_named(self) -> None:
        paths, _ = expand([DATA / "hcs_imagexpress"])
        good, bad = show(paths, "Projection-Mix_{well}_s{site}_w{channel}_ZStep_{z}.tif")
        assert len(good) == 30
        assert len(bad) == 3
        assert all("MIP" in problem.path.name for problem in bad)

    def test_a_time_lapse_of_single_planes(self) -> None:
        paths, _ = expand([DATA / "hcs_timelapse"])
        good, bad = show(paths, "{plate}_{well}_s{site}_w{channel}_TimePoint_{t}.tif")
        assert not bad
        assert {
            (item.components["site"], item.components["channel"], item.components["t"])
            for item in good
        } == {(s, w, t) for s in (1, 2) for w in (1, 2, 3) for t in (1, 2)}

    def test_an_imagej_composite(self) -> None:
        (path,), _ = expand([DATA / "bbbc022"])
        same_planes(only(path), tifffile.imread(path), ("channel",))

    @pytest.mark.parametrize("name", ["crop", "voronoi_otsu_labeling_crop"])
    def test_a_time_lapse_that_does_not_name_its_axis(self, name: str) -> None:
        path = DATA / "cancer_migration" / f"cancer_cell_migration_{name}.tif"
        same_planes(only(path), tifffile.imread(path), ("z",))

    def test_channels_in_files_of_their_own(self) -> None:
        good, bad = show(
            expand([DATA / "bbbc_human"])[0], "{assay}_{run}_{well}f{site}d{channel}.tif"
        )
        assert not bad
        assert [item.components["channel"] for item in good] == [0, 1, 2]
        assert {item.components["site"] for item in good} == {"00"}
        for item in good:
            np.testing.assert_array_equal(item.array, tifffile.imread(item.path))
