"""The front door: the live service that wires the rooms together, and the command line."""
