"""Sweeps: methods × data × settings × seeds, each cell computed once and kept."""
