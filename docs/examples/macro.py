"""Stream planes into ImageJ, let a macro measure them, and read its table. Needs a Fiji viewer."""

from __future__ import annotations

import sys

import numpy as np

import planecast as pc

MEASURE = """
selectImage("raw");
run("Set Measurements...", "mean display redirect=None decimal=3");
run("Clear Results");
run("Subtract...", "value=" + getArgument() + " stack");
for (i = 1; i <= nSlices; i++) { setSlice(i); run("Measure"); }
return getTitle();
"""

volume = np.random.default_rng(0).integers(100, 200, (5, 128, 300), np.uint16)

kind = sys.argv[1] if len(sys.argv) > 1 else "fiji"
with pc.launch(kind, virtual="--virtual" in sys.argv) as viewer:
    for z, plane in enumerate(volume):
        viewer.show(plane, source="raw", components={"z": z})
    viewer.settle()
    result = viewer.run_macro(MEASURE, "100", timeout=30)
    for label, mean in zip(result.table["Label"], result.table["Mean"], strict=True):
        print(f"{label}: {mean:.2f}")
    assert np.array_equal(viewer.read(source="raw"), volume - 100)  # what it did stays
    try:
        viewer.run_macro("run('Gaussian Blur...');")
    except pc.MacroError as error:
        print(error)  # it asks a person: no dialog stays on the screen
