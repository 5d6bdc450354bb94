"""Programs of the graphics card: built once, not with each change of what they draw."""

from __future__ import annotations

from typing import Any, Final

from vispy.visuals.mesh import MeshVisual
from vispy.visuals.shaders import Function

MAKER: Final = "_build_color_transform"
"""What vispy 0.17 calls the method that makes a mesh's function from colour to colour."""

_same: dict[str, Function] = {}


def keep_programs() -> None:
    """Let meshes that colour alike share that function, once in a process.

    vispy makes it anew whenever the data of a mesh change, and builds the mesh's program for the
    graphics card again with it. The box behind napari's text is a mesh: another text took 7 ms
    with an OpenGL of software, now it takes 2. And Mesa 22 keeps 3 KB of each program that was
    ever built: 0.9 GB, where a stream changes the text for a day.
    """
    make = getattr(MeshVisual, MAKER, None)
    if make is None or hasattr(make, "planecast"):
        return

    def shared(mesh: MeshVisual, colors: Any) -> Any:
        made = make(mesh, colors)
        if type(made) is not Function or made.template_vars:
            return made  # with values of this mesh
        return _same.setdefault(made.code, made)

    shared.planecast = True  # type: ignore[attr-defined]
    setattr(MeshVisual, MAKER, shared)
