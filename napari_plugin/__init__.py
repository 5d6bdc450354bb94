"""The napari side: grouping, layers, widgets and the viewer process."""
