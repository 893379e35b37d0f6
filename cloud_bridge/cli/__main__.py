"""`python -m cloud_bridge.cli`."""

import sys

from cloud_bridge.cli import main

sys.exit(main())
