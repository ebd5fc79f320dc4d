"""Measurements, as ratios to a floor that runs interleaved in the same minutes: `make bench`."""
