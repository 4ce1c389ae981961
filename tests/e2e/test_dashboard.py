"""The dashboard in a real headless Chromium, fed by the whole stack; its pictures are kept in ``.artifacts``."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.e2e.stack import Stack, simulated_posts


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.faults = []  # type: ignore[attr-defined]  # what the console complains of
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    yield page
    context.close()


def test_a_post_is_seen_arriving_scored_and_live(stack: Stack, page: Page, artifacts: Path) -> None:
    stack.post("/api/posts", {"posts": simulated_posts(seed=3, count=150)})
    stack.settled()
    page.goto(stack.sign_in)
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=20_000)
    assert "#key" not in page.url, "the key does not stay in the address"

    text = "Arriving now: this is a wonderful, lovely day"
    stack.post("/api/posts", {"posts": [{"text": text, "source": "test"}]})

    post = page.get_by_role("article").filter(has_text=text).first
    expect(post).to_be_visible(timeout=10_000)
    expect(post).to_contain_text("positive", ignore_case=True)
    # The picture shows all of it: what the page asked for is there, and the chart is drawn.
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("article").nth(20)).to_be_attached()
    page.screenshot(path=artifacts / "dashboard-light.png")
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=artifacts / "dashboard-dark.png")
    assert page.faults == []  # type: ignore[attr-defined]


def test_a_wrong_key_is_told_and_a_right_one_lets_in_by_keyboard_alone(stack: Stack, page: Page) -> None:
    page.goto(stack.url)
    field = page.get_by_label("key", exact=False).first
    field.focus()
    page.keyboard.type("bar_wrong_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    field.fill("")
    field.focus()
    page.keyboard.type(stack.key)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=20_000)


def test_a_phone_shows_it_without_scrolling_sideways(stack: Stack, page: Page, artifacts: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(stack.sign_in)
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.screenshot(path=artifacts / "dashboard-phone.png")
