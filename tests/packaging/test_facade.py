"""What ``import planecast`` gives, and what it asks for."""

from __future__ import annotations

import subprocess
import sys
import types
from importlib import metadata

import planecast
import streaming_core._facade as source

MOST_NAMES = 25

# Refuses every package but the three that a producer has, as an environment without them would.
BARE_PRODUCER = """
import sys
allowed = set(sys.stdlib_module_names) | {
    "planecast", "streaming_core", "numpy", "zmq", "msgspec", "__main__"}

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ModuleNotFoundError(f"a producer has no {name}", name=name)

sys.meta_path.insert(0, Wall())
import planecast
for name in planecast.__all__:
    getattr(planecast, name)
import streaming_core.client
strangers = {name.partition(".")[0] for name in sys.modules if not name.startswith("_")} - allowed
foreign = sorted(
    name for name in strangers
    if "site-packages" in (getattr(sys.modules.get(name), "__file__", None) or "")
)
sys.exit(f"imported besides: {foreign}" if foreign else 0)
"""


def test_all_is_what_exists() -> None:
    public = {
        name
        for name, value in vars(planecast).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and name != "annotations"
    }
    assert set(planecast.__all__) - {"__version__"} == public
    assert len(planecast.__all__) == len(set(planecast.__all__))


def test_the_facade_is_small() -> None:
    assert len(planecast.__all__) <= MOST_NAMES


def test_the_installed_facade_is_the_one_in_the_source() -> None:
    assert planecast.__all__ == source.__all__, "installed anew after an edit? run ./dev"


def test_every_name_has_a_docstring() -> None:
    assert not [
        name
        for name in planecast.__all__
        if not name.startswith("__") and not getattr(planecast, name).__doc__
    ]


def test_the_version_is_the_packages() -> None:
    assert planecast.__version__ == metadata.version("planecast")


def test_a_producer_needs_three_packages_only() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BARE_PRODUCER], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
