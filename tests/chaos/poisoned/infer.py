"""The handler of ``infer``, poisoned (see ``tests.chaos.poison``)."""

from functions.infer.app import handler as real
from tests.chaos.poison import poisoned

handler = poisoned("infer", real)
