"""The handler of ``ingest``, poisoned (see ``tests.chaos.poison``)."""

from functions.ingest.app import handler as real
from tests.chaos.poison import poisoned

handler = poisoned("ingest", real)
