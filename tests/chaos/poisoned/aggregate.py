"""The handler of ``aggregate``, poisoned (see ``tests.chaos.poison``)."""

from functions.aggregate.app import handler as real
from tests.chaos.poison import poisoned

handler = poisoned("aggregate", real)
