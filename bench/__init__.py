"""Benchmarks for `make bench`, as ratios to a floor that is measured in the same minutes, in alternate rounds."""
