"""The end of `fedh2l sweep --help`: a file to begin with."""

EXAMPLE = """A file: four methods, with and without seed labels, over five seeds.

    methods = ["fedh2l", "seed-only", "alone", "pooled"]
    data = ["digits", "heart-disease"]
    seeds = 5                          # or [0, 1, 2, 3, 4]

    [common]                           # of every cell, as the flags of fedh2l run
    rounds = 24

    [on.digits]                        # of one data set
    domains = 5

    [method.fedh2l]                    # of one method
    weight = 3.0

    [setting.labelled]                 # what is compared: rows of the table
    [setting.unlabelled]
    unlabelled = true
    methods = ["fedh2l"]               # only these

    [tune.fedh2l]                      # with --tune: chosen on validation rows
    weight = [1.0, 3.0]

The same command goes on where a sweep was stopped or killed.
Without a file: fedh2l sweep --methods fedh2l alone --seeds 5 --set rounds=8"""
