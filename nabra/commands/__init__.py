"""One module per command of the command line; each has `add(subparsers)`, which sets `func`, and `run(args)`."""
