"""``python -m infra.poller``."""

import sys

from infra.poller.main import main

sys.exit(main())
