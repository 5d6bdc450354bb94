"""The demo's plate: real stained tissue, cut into wells, sites, channels, z and t."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streaming_core.errors import InvalidSetting, MissingDependency

try:
    import skimage
    from scipy import ndimage
    from skimage import segmentation
    from skimage.color import rgb2hed
    from skimage.io import imread
except ImportError as error:
    raise MissingDependency("The demo's plate", "demo") from error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

STORY: Final = (
    "The plate is made from one real image, ihc.png of scikit-image: colon tissue in which "
    "hematoxylin stains the nuclei and DAB the protein FHL2. The two stains are separated into "
    "channels, bright on dark; crops are the wells and sites, growing blur above and below the "
    "focus is z, and t lets the stage drift and the dyes bleach. Nothing is downloaded."
)
"""How the plate was made, for the user to read."""

WELLS: Final = ("B03", "B04", "C03", "C04")
CHANNELS: Final = ("Hematoxylin", "DAB")

COLORMAPS: Final = {"Hematoxylin": "cyan", "DAB": "magenta"}
CONTRAST: Final = (0.0, 26_000.0)
"""Limits that suit every plane."""

STAINS: Final = {"Hematoxylin": 0, "DAB": 2}  # where rgb2hed puts them
FADING: Final = {"Hematoxylin": 0.92, "DAB": 0.80}  # what is left after each time point
DRIFT: Final = (3, 5)  # pixels in Y and X from one time point to the next
DEFOCUS: Final = 1.3  # pixels of blur for each step away from the focus
ZOOM: Final = 1.5  # so that a nucleus is some 25 pixels long and a plane still shows tissue
QUARTERS: Final = ((0, 1), (0, 0), (1, 0), (1, 1))  # of the image: one for each well
CORNERS: Final = ((0, 0), (1, 1), (0, 1), (1, 0))  # of that quarter: one for each site
LARGEST: Final = 256  # pixels along the side of a plane
MARGIN: Final = 32  # more pixels than the blur reaches
BACKGROUND: Final = 400.0
BRIGHT: Final = 20_000.0
SMALLEST: Final = 60
"""Pixels: what is smaller is no nucleus."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One image of the plate.

    Attributes
    ----------
    array
        uint16, YX.
    components
        ``well``, ``site``, ``t``, ``z``, and for images ``channel``.
    kind
        ``image`` or ``labels``.
    """

    array: NDArray[np.uint16]
    components: dict[str, str | int]
    kind: str = "image"


@dataclass(frozen=True)
class Plate:
    """A plate that is computed plane by plane, in the order of a microscope.

    Iterating gives `Plane` after `Plane`: well, site, t, z, channel, the last one fastest.
    ``len()`` is their number. The same plate has the same pixels each time.

    Parameters
    ----------
    wells
        Their names; any number.
    sites
        For each well, 1 to 4.
    times, depth
        How many t, and how many z.
    size
        Pixels along the side of a plane, 16 to 256.
    channels
        Some of `CHANNELS`.

    Raises
    ------
    InvalidSetting
        When it cannot be made so.
    MissingDependency
        When its first plane is asked for and scikit-image or scipy is not installed.
    """

    wells: Sequence[str] = WELLS
    sites: int = 2
    times: int = 3
    depth: int = 5
    size: int = 256
    channels: Sequence[str] = CHANNELS

    def __post_init__(self) -> None:
        if not (self.wells and 1 <= self.sites <= 4 and self.times >= 1 and self.depth >= 1):
            raise InvalidSetting("a plate has 1 to 4 sites, and at least one well, t and z")
        if not 16 <= self.size <= LARGEST:
            raise InvalidSetting(
                f"a plane has 16 to {LARGEST} pixels along a side, not {self.size}"
            )
        if not set(self.channels) <= set(CHANNELS):
            raise InvalidSetting(f"channels are {', '.join(CHANNELS)}, not {self.channels}")

    def __len__(self) -> int:
        return len(self.wells) * self.sites * self.times * self.depth * len(self.channels)

    def __iter__(self) -> Iterator[Plane]:
        for well, site, t, z in self._places(range(len(self.wells))):
            for channel in self.channels:
                sharp = self._field(channel, well, site, t)
                yield Plane(
                    self._exposure(self._blurred(sharp, z), channel, (well, site, t, z)),
                    {**self._components(well, site, t, z), "channel": channel},
                )

    def masks(self, well: str | None = None) -> Iterator[Plane]:
        """Yield label masks of the nuclei in one well (the first), plane by plane.

        A nucleus has the same mask in each z. The masks of different t are independent.

        Raises
        ------
        InvalidSetting
            When the plate has no such well.
        """
        if well is not None and well not in self.wells:
            raise InvalidSetting(f"no well {well!r} on this plate: {', '.join(self.wells)}")
        chosen = 0 if well is None else self.wells.index(well)
        found: dict[tuple[int, int], NDArray[np.uint16]] = {}
        for _, site, t, z in self._places([chosen]):
            if (site, t) not in found:
                found[site, t] = _nuclei(self._field("Hematoxylin", chosen, site, t))
            nuclei = self._cut(found[site, t]).copy()
            yield Plane(nuclei, dict(self._components(chosen, site, t, z)), "labels")

    def _places(self, wells: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
        return product(wells, range(self.sites), range(self.times), range(self.depth))

    def _components(self, well: int, site: int, t: int, z: int) -> dict[str, str | int]:
        return {"well": self.wells[well], "site": site + 1, "t": t, "z": z}

    @cached_property
    def _stains(self) -> dict[str, NDArray[np.float32]]:
        return _separated()

    def _field(self, channel: str, well: int, site: int, t: int) -> NDArray[np.float32]:
        """Return what the objective sees there, in focus, with a margin around the plane."""
        stain = np.rot90(self._stains[channel], well // 4)
        step = (len(stain) - LARGEST - 4 * max(DRIFT)) // 3  # sixteen planes, a little overlapping
        (top, left), (down, right) = QUARTERS[well % 4], CORNERS[site]
        y = (2 * top + down) * step + t * DRIFT[0]
        x = (2 * left + right) * step + t * DRIFT[1]
        length = self.size + 2 * MARGIN
        rows = np.arange(y - MARGIN, y - MARGIN + length)
        columns = np.arange(x - MARGIN, x - MARGIN + length)
        # beyond the edge of the tissue stands its mirror image
        return stain[np.ix_(_mirrored(rows, len(stain)), _mirrored(columns, len(stain)))]

    def _blurred(self, sharp: NDArray[np.float32], z: int) -> NDArray[np.float32]:
        away = abs(z - self.depth // 2)
        soft: NDArray[np.float32] = (
            ndimage.gaussian_filter(sharp, DEFOCUS * away) if away else sharp
        )
        return self._cut(soft)

    def _exposure(
        self, light: NDArray[np.float32], channel: str, place: tuple[int, ...]
    ) -> NDArray[np.uint16]:
        """Turn light into counts, with the fading of the dye and the noise of a camera."""
        counts = BACKGROUND + BRIGHT * FADING[channel] ** place[2] * light
        noise = np.random.default_rng((*place, STAINS[channel])).normal(size=light.shape)
        noisy: NDArray[np.float64] = counts + 3 * np.sqrt(counts) * noise
        return noisy.clip(0, 65_535).astype(np.uint16)

    def _cut(self, image: NDArray[Any]) -> NDArray[Any]:
        return image[MARGIN : MARGIN + self.size, MARGIN : MARGIN + self.size]


def _mirrored(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    index = index % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)


def _separated() -> dict[str, NDArray[np.float32]]:
    """Return how much of each stain is where: 0 is none, 1 is bright."""
    # by its path: skimage.data would download a file that an installation has left out
    source = Path(skimage.__file__).parent / "data" / "ihc.png"
    if not source.is_file():
        raise MissingDependency("The demo's plate", "demo")
    separated = rgb2hed(imread(source))
    stains = {}
    for channel, place in STAINS.items():
        stain = separated[..., place]
        dark, bright = np.percentile(stain, (5, 99.7))
        stain = np.clip((stain - dark) / (bright - dark), 0, 1.3)
        stain = ndimage.zoom(stain, ZOOM, order=3, mode="reflect", grid_mode=True)
        stains[channel] = np.clip(stain, 0, 1.3).astype(np.float32)  # cubic splines overshoot
    return stains


def _nuclei(stain: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Label the nuclei: brighter than what is around them, and split where they narrow."""
    watershed: Any = segmentation.watershed  # without types
    inside = ndimage.gaussian_filter(stain, 2) > ndimage.gaussian_filter(stain, 18).clip(0.25)
    inside = ndimage.binary_opening(inside, iterations=2)
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(inside), 1.5)
    seeds = ndimage.label((depth == ndimage.maximum_filter(depth, size=13)) & inside)[0]
    labels: NDArray[np.int32] = watershed(-depth, seeds, mask=inside)
    keep = np.bincount(labels.ravel()) >= SMALLEST
    keep[0] = False  # the background
    numbers: NDArray[np.uint16] = (np.cumsum(keep) * keep).astype(np.uint16)
    return numbers[labels]
