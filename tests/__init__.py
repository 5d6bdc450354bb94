"""The tests of Planecast."""
