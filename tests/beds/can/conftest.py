"""These tests are for the bed's kernel: elsewhere they are not collected. `tests.beds.test_beds` starts them there."""

from __future__ import annotations

import os

from tests.beds.uml import INSIDE

collect_ignore_glob = [] if INSIDE in os.environ else ["test_*.py"]
