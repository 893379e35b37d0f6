"""`python -m demo`, which is `make demo`."""

from __future__ import annotations

import signal
import sys

if __name__ == "__main__":
    # While modules are loaded nothing has been started yet: a Ctrl-C has nothing to put in order, or to say.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from demo.show import main

    sys.exit(main())
