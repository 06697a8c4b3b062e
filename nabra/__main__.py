"""`python -m nabra` is the same as the command `nabra`."""

import sys

from nabra.cli import main

sys.exit(main())
