"""Measurements, each against the raw engine in the same run; ``README.md`` keeps the results and the machine."""
