"""Benchmarks: every measure beside a yardstick of the same run, contents verified."""
