"""A real Chromium looking at the API."""

from collections.abc import Iterator
from shutil import which

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.support import missing

WITHIN_MS = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = which("chromium") or which("chromium-browser")
    if chromium is None:
        missing("chromium is not installed, so nobody looks at the pages")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, api_server: str, people: None) -> Iterator[Page]:
    """A signed-in engineer's browser. Whatever the page complains about fails the test."""
    from tests.api.conftest import PASSWORD

    context = browser.new_context(base_url=api_server, viewport={"width": 1680, "height": 1000})
    opened = context.new_page()
    opened.set_default_timeout(WITHIN_MS)
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    opened.on("console", listen)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto("/alerts")
    opened.fill("[name=name]", "mia")
    opened.fill("[name=password]", PASSWORD)
    opened.click("text=Sign in >> nth=-1")
    yield opened
    context.close()
    assert complaints == []
