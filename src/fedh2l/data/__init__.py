"""Data for experiments: a file per family of data sets, each giving `FederatedData`."""
