"""`python -m charwave_tui` does what `charwave-tui` does."""

import sys

from charwave_tui.cli.entry import start

sys.exit(start())
