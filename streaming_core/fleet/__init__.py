"""Viewer processes on this machine."""
