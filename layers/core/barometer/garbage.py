"""How often Python looks for garbage in a process that takes batch after batch."""

import gc

# A batch makes thousands of objects and few cycles: Python's own 700 means several looks a batch, which find nothing.
_NEW_OBJECTS = 10_000


def collect_seldom() -> None:
    """Call it once, when all is imported and loaded: what is there now stays, so nobody needs to look at it again."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
