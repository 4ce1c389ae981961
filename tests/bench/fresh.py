"""A process as Lambda starts one for ``infer``: ``python -m tests.bench.fresh MODEL_FOLDER``, texts as JSON on stdin.

Prints the seconds from the first import to the first score, and the memory that it holds, in bytes, after it has scored
all texts.
"""

import time

_BEGAN = time.perf_counter()

import importlib
import json
import sys
from pathlib import Path

import psutil

from barometer import analyzers

_BATCH = 256


def main() -> None:
    """Load what the function loads, score, and tell."""
    analyzers.MODEL_FOLDER = Path(sys.argv[1])  # type: ignore[misc]  # (a constant but for this)
    importlib.import_module("functions.infer.app")
    model = analyzers.analyzer("local")
    model.analyze(["What a lovely day, and it just works!"])
    seconds = time.perf_counter() - _BEGAN
    texts = json.load(sys.stdin)
    for start in range(0, len(texts), _BATCH):
        model.analyze(texts[start : start + _BATCH])
    # Not the most it ever held, which a process inherits from the one that started it.
    held = psutil.Process().memory_info().rss
    sys.stdout.write(json.dumps({"seconds": seconds, "bytes": held}) + "\n")


if __name__ == "__main__":
    main()
