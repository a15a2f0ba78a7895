"""Experiments: every peer on this machine, the baselines beside them."""
