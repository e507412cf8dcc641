"""The real gateway's console in a real browser: what waits in its connection goes on when somebody says so there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from clients import RULES_ALONE, ask
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost
from oidc import OidcProvider

POLICY = """
statements:
  - {id: looked-at, effect: hold, direction: request, approvers: {groups: [security]}, reason: It is looked at.}
"""
PLAIN = "maria" + "@example.com"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[tuple[Gateway, ModelHost]]:
    issuer, host = DemoIssuer(), ModelHost(tmp_path / "host", gap=0.001)
    gateway = Gateway(tmp_path / "gateway", issuer, host, options=RULES_ALONE | {"weighlock_raw_groups": "security"})
    (gateway.rules / "policy" / "default.cases.yaml").unlink()  # it says that calls pass
    (gateway.rules / "policy" / "hold.yaml").write_text(POLICY)
    with OidcProvider(redirects=[f"http://127.0.0.1:{gateway.console_port}/login/callback"]) as provider:
        with (gateway.rules / "identity" / "issuers.yaml").open("a") as issuers:
            issuers.write(
                f"  - {{preset: oidc, url: '{provider.url}', audience: weighlock, "
                "login: {client: console, scopes: [openid, email, groups]}}\n"
            )
        with gateway:
            yield gateway, host
    host.stop()
    issuer.stop()


async def test_a_held_request_goes_on_when_somebody_approves_it_on_the_page(
    gateway: tuple[Gateway, ModelHost], chromium: Browser
) -> None:
    at, host = gateway
    context = await chromium.new_context()
    page = await context.new_page()
    page.set_default_timeout(30_000)
    await page.goto(f"http://127.0.0.1:{at.console_port}/")
    await page.get_by_role("link", name="Log in with").click()
    await page.fill("input[name=login]", "alice")
    await page.fill("input[name=password]", "any")
    await page.click("button[type=submit]")
    await page.click("button[type=submit]")
    await page.wait_for_selector("text=Nothing is held")
    asked = asyncio.create_task(asyncio.to_thread(ask, at, f"I am Maria Lopez, {PLAIN}"))
    await page.click("a.row")
    await page.wait_for_selector("text=It is looked at.")
    assert PLAIN not in await page.content()

    await page.click("text=Show it, and record that")
    await page.wait_for_selector("text=Recorded:")
    assert PLAIN in await page.content()
    await page.wait_for_load_state()  # its script listens
    await page.keyboard.press("a")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".state:is(.approved, .consumed)")
    answer = await asked
    await page.goto(f"http://127.0.0.1:{at.console_port}/grants")
    await page.select_option("#workload", "nightly")
    await page.select_option("#destination", "llm")
    await page.check("input[value=looked-at]")
    await page.fill("#model", "demo")
    await page.fill("#reason", "month's end")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=You have approved this.")
    await page.click("text=Log out")
    await page.wait_for_selector("text=Log in with")
    await context.close()

    assert answer.status_code == 200
    assert PLAIN.encode() not in host.received
    shown = at.weighlock("ledger", "show", "--json").stdout
    assert "prompt-unmasked" in shown
    assert PLAIN not in shown + at.output
    visits = [one["body"] for one in json.loads(shown) if one["body"].get("account")]
    asked = [
        one["body"]["approval"] for one in json.loads(shown) if one["body"].get("approval", {}).get("kind") == "grant"
    ]
    assert {(one["state"], one["subject"], one["need"]) for one in asked} == {("pending", "alice@example.com", 2)}
    assert [(one["event"], one["account"]["subject"]) for one in visits] == [("login", "alice"), ("logout", "alice")]
