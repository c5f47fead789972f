"""The pages in a real browser: signing in with the documentation's button, and on the page at `/`."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from plantkit.testing.serving import serving
from services.gateway.tests.conftest import ADMIN

pytestmark = [pytest.mark.db, pytest.mark.needs("chromium")]


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield started
        await started.close()


@pytest.fixture(scope="module")
async def door(app, admin) -> AsyncIterator[str]:
    async with serving(app) as url:
        yield url


@pytest.fixture
async def complaints() -> list[str]:
    """What the browser's console objected to: a refused script or style shows up here."""
    return []


@pytest.fixture
async def page(browser: Browser, complaints: list[str]) -> AsyncIterator[Page]:
    context = await browser.new_context()
    made = await context.new_page()
    made.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    await context.close()


async def test_the_sign_in_button_of_the_documentation_works(page, door, complaints):
    await page.goto(f"{door}/docs")
    await page.locator(".btn.authorize").click()
    await page.locator("#oauth_username").fill(ADMIN["username"])
    await page.locator("#oauth_password").fill(ADMIN["password"])
    await page.locator(".auth-container:has(#oauth_username) button.authorize").click()
    await page.locator(".modal-ux .close-modal").click()

    await page.locator("#operations-identity-me_api_v1_me_get .opblock-summary-control").click()
    await page.locator(".opblock.is-open button.execute").click()

    answer = page.locator(".opblock.is-open .live-responses-table")
    await expect(answer).to_contain_text('"username": "admin"')
    assert complaints == []


async def test_the_page_takes_a_sign_in_keeps_it_in_the_tab_and_gives_it_back(page, door):
    await page.goto(door)
    await expect(page.locator("#services > li")).to_have_count(4)
    await page.get_by_label("User name").fill(ADMIN["username"])
    await page.get_by_label("Password").fill("wrong by a mile")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("not accepted")

    await page.get_by_label("Password").fill(ADMIN["password"])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#who")).to_have_text("admin")
    await page.reload()
    await expect(page.locator("#who")).to_have_text("admin")

    await page.get_by_role("button", name=re.compile("Sign out")).click()
    await expect(page.get_by_label("Password")).to_be_visible()
    assert await page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize("path", ["/", "/asyncapi"])
async def test_nothing_hangs_over_the_edge_of_a_telephone(page, door, path):
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(f"{door}{path}")
    for details in await page.locator("details").all():
        await details.evaluate("found => found.open = true")

    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
