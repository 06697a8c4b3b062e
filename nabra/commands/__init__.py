"""One module per command of the command line; each has `add(subparsers)` and `run(args)`."""
