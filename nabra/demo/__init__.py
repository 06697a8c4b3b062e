"""The demonstration: sample calls placed on the real service and shown live, with a picture of each.

The PBX here is ours (`pbx`), the engine is not: it is the live service that `nabra serve` runs, with real
sockets between the two. `story` folds the events of a call, `view` draws the terminal, `picture` the PNG
files, `run` ties them together. The sample calls and the prompts are synthetic speech; `make_samples` is the
tool that made them.
"""
