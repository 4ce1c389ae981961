"""A real headless Chromium for tests: Playwright's own, else the machine's."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser while the block runs; where none is, the test that asked is skipped."""
    with sync_playwright() as play:
        own = Path(play.chromium.executable_path)
        found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if not own.exists() and found is None:
            pytest.skip("no Chromium on this machine: install one, or run `scripts/browser`")
        browser = play.chromium.launch(executable_path=None if own.exists() else found, args=_FLAGS)
        yield browser
        browser.close()
