"""The smoke test of a deployment: its dashboard opens, a post is scored and seen live, and only its own pages come in.

It is given one by ``BAROMETER_SMOKE_URL`` and ``BAROMETER_SMOKE_KEY`` (`make localstack-deploy` does so); without
them it starts one with docker compose.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium
from tests.containers.conftest import Deployment

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page(viewport={"width": 1440, "height": 1000})


def test_a_first_post_is_scored_and_seen_at_every_address(deployment: Deployment, page: Page, artifacts: Path) -> None:
    for url in deployment.urls:
        text = f"Arriving now at {url}: this is a wonderful, lovely day"
        page.goto(f"{url}/#key={deployment.key}")
        expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=60_000)
        answer = httpx.post(
            f"{url}/api/posts",
            json={"posts": [{"text": text, "source": "test"}]},
            headers={"Authorization": f"Bearer {deployment.key}"},
            timeout=40,
        )
        assert answer.status_code == 202, answer.text

        post = page.get_by_role("article").filter(has_text=text).first
        expect(post).to_be_visible(timeout=20_000)
        expect(post).to_contain_text("positive", ignore_case=True)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=artifacts / "compose-dashboard.png")


def test_a_page_of_another_origin_gets_neither_session_nor_socket(deployment: Deployment) -> None:
    url, key = deployment.urls[0], deployment.key
    foreign = {"Origin": "http://elsewhere.example"}

    assert httpx.post(f"{url}/api/session", json={"key": key}, headers=foreign, timeout=40).status_code == 403
    handshake = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "SGVsbG8sIHdvcmxkIQ==", "Authorization": f"Bearer {key}",
    }  # fmt: skip
    assert httpx.get(f"{url}/socket", headers={**handshake, **foreign}, timeout=40).status_code == 403
    assert httpx.get(url, headers={"Host": "elsewhere.example"}, timeout=40).status_code == 421
