"""Compiled kernels: Fourier transform, mel bands, spectral shape, pitch, statistics.

Each kernel is a few lines, has one explicit signature, allocates nothing, and releases the interpreter lock;
no fast-math, so that the same samples give the same bits on every path. Importing a module of this package
compiles it (or loads it from Numba's cache): the rest of the room imports them when the first extractor is
made, not before.
"""
