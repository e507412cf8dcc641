"""Grants, and the review of a broken glass, on the page in a real browser."""

from __future__ import annotations

import asyncio

from browsing import TERMS, Place
from held import a_request, some_terms
from visiting import Visitor


async def filled(visitor: Visitor, **given: str) -> None:
    """The form of a grant, asked for."""
    page = visitor.page
    await page.goto(f"{visitor.place.url}/grants")
    for name in ("workload", "destination"):
        await page.select_option(f"#{name}", given.get(name, {"workload": "nightly", "destination": "model"}[name]))
    await page.check("input[value=large]")
    for name, text in ({"model": "small", "requests": "2", "reason": "month's end"} | given).items():
        await page.fill(f"#{name}", text)
    await page.keyboard.press("Enter")


async def test_a_grant_is_asked_for_by_one_and_approved_by_another(place: Place, alice: Visitor, lee: Visitor) -> None:
    await lee.open()
    await lee.page.wait_for_selector("#live.on")
    await alice.open()
    await alice.press("g")
    await alice.page.wait_for_url("**/grants")
    await filled(alice)
    await alice.page.wait_for_selector("text=You have approved this.")
    assert await alice.page.locator("#approve").count() == 0
    assert "1 of 2" in await alice.text()
    assert await place.desk.granted(a_request(terms=TERMS), 10) is None

    await lee.page.wait_for_selector("tr:has-text('grant') >> text=month's end")
    await lee.press("j")
    await lee.press("Enter")
    await lee.page.wait_for_selector("text=up to 2 requests of nightly")
    await lee.press("a")
    await lee.press("Enter")
    await lee.page.wait_for_selector(".state.approved")
    assert await place.desk.granted(a_request(terms=TERMS), 10) is not None
    await lee.page.reload()
    assert "1 of 2 requests" in await lee.text()


async def test_an_owner_asks_and_two_others_approve(
    place: Place, visitors: list[Visitor], lee: Visitor, tokens: dict[str, str]
) -> None:
    dana, alice = visitors[0], visitors[0]
    await dana.enter(tokens["dana"])
    await filled(dana)
    await dana.page.wait_for_selector("text=somebody else approves it")
    assert await dana.page.locator("#approve").count() == 0
    id = dana.page.url.rpartition("/")[2]

    await alice.enter(tokens["alice"])
    for visitor in (alice, lee):
        assert await place.state(id) == "pending"
        await visitor.open(id)
        await visitor.press("a")
        await visitor.press("Enter")
        await visitor.page.wait_for_selector("text=approved", state="attached")
        await visitor.page.wait_for_function("document.querySelectorAll('.decisions li').length > 0")
    assert await place.state(id) == "approved"


async def test_who_has_no_say_asks_for_none(place: Place, visitors: list[Visitor], tokens: dict[str, str]) -> None:
    await visitors[0].enter(tokens["eve"])
    await visitors[0].page.goto(f"{place.url}/grants")

    assert "asked for by its workload's owner" in await visitors[0].text()
    assert await visitors[0].page.locator("select").count() == 0


async def test_what_is_held_leads_to_a_grant_for_its_like(place: Place, alice: Visitor) -> None:
    id = await place.hold()
    await alice.open(id)
    await alice.page.click("text=Ask for a grant for requests like this")
    await alice.page.wait_for_url("**/grants?like=*")

    assert await alice.page.input_value("#workload") == "nightly"
    assert await alice.page.input_value("#destination") == "model"
    assert await alice.page.input_value("#model") == "small"
    assert await alice.page.is_checked("input[value=large]")
    await alice.page.fill("#requests", "5000")  # the browser sees to the bounds, too
    await alice.page.fill("#reason", "all of it")
    await alice.press("Enter")
    assert len(await place.desk.list()) == 1


async def test_a_broken_glass_is_reviewed_by_somebody_else(place: Place, alice: Visitor, lee: Visitor) -> None:
    id = await place.hold(terms=some_terms("security", need=2, break_glass=frozenset({"security"})))
    await alice.open(id)
    await alice.page.click("summary:has-text('Break the glass')")
    await alice.page.fill("#glass-reason", "production is down")
    await alice.press("Enter")
    await alice.page.wait_for_selector("text=somebody else of its approvers is to review that")
    assert await alice.page.locator("#review").count() == 0
    approval = await asyncio.wait_for(place.held[-1], 10)
    await place.desk.consume(id, approval.binding, "x0")

    await lee.open()
    await lee.page.wait_for_selector("text=to be reviewed")
    await lee.press("j")
    await lee.press("Enter")
    await lee.page.wait_for_selector("text=broke the glass")
    await lee.press("r")
    await lee.press("Enter")
    assert (await place.desk.get(id)).review is None  # the browser wants words first
    await lee.page.keyboard.type("It was right")
    await lee.press("Enter")
    await lee.page.wait_for_selector("text=Reviewed by lee@example.com")
    review = (await place.desk.get(id)).review
    assert review is not None
    assert (review.who, review.reason) == ("lee@example.com", "It was right")
    assert await lee.page.locator("#review").count() == 0
    await lee.press("u")
    await lee.page.wait_for_selector("text=Nothing is held")
    await lee.page.goto(f"{place.url}/settled")
    assert await lee.page.locator(f"tr[data-id='{id}']").count() == 1
