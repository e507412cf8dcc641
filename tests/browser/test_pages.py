"""People at the console's pages, in a real browser, logged in at a real OpenID provider."""

from __future__ import annotations

import asyncio

import pytest

from browsing import AGE, Place, marked
from held import an_approver, some_terms
from visiting import Visitor
from weighlock.approval.grants import Wanted
from weighlock.errors import Forbidden
from weighlock.holds import Limits


async def test_a_login_leads_to_where_one_wanted_to_be(place: Place, visitors: list[Visitor]) -> None:
    id = await place.hold()
    await visitors[0].log_in("alice", f"/approvals/{id}")

    assert visitors[0].page.url == f"{place.url}/approvals/{id}"
    assert await visitors[0].page.inner_text(".who") == "alice@example.com"
    (cookie,) = [one for one in await visitors[0].context.cookies(place.url) if one["name"] == "weighlock"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert "alice" not in cookie["value"]


async def test_what_is_approved_goes_on(place: Place, alice: Visitor) -> None:
    id = await place.hold("Summarise the report.")
    await alice.open(id)
    await alice.page.click("summary:has-text('Approve')")
    await alice.page.fill("#approve-reason", "ticket 4711")
    await alice.page.click("text=Approve exactly this")
    await alice.page.wait_for_selector(".state.approved")

    assert [d.who for d in (await asyncio.wait_for(place.held[-1], 10)).decisions] == ["alice@example.com"]
    assert "ticket 4711" in await alice.text()


async def test_what_is_denied_is_refused_with_the_reason(place: Place, alice: Visitor) -> None:
    id = await place.hold()
    await alice.open(id)
    await alice.page.click("summary:has-text('Deny')")
    await alice.page.click("form button.danger")
    assert await place.state(id) == "pending"  # the browser wants a reason first
    await alice.page.fill("#deny-reason", "not with customer data")
    await alice.page.click("form button.danger")
    await alice.page.wait_for_selector(".state.denied")

    with pytest.raises(Forbidden, match="not with customer data"):
        await asyncio.wait_for(place.held[-1], 10)


async def test_two_people_are_needed_where_two_are(place: Place, alice: Visitor, lee: Visitor) -> None:
    id = await place.hold(terms=some_terms("security", need=2))
    await lee.open(id)
    await alice.open(id)
    await alice.press("a")
    await alice.press("Enter")
    await alice.page.wait_for_selector("text=Somebody else has to as well.")
    assert await alice.page.locator("#approve").count() == 0
    assert await place.state(id) == "pending"

    await lee.page.click("#moved a")
    await lee.page.wait_for_selector("text=1 of 2")
    await lee.press("a")
    await lee.press("Enter")
    await lee.page.wait_for_selector(".state.approved")
    decided = (await asyncio.wait_for(place.held[-1], 10)).decisions
    assert {d.who for d in decided} == {"alice@example.com", "lee@example.com"}


async def test_who_asked_cannot_approve(place: Place, alice: Visitor) -> None:
    id = await place.hold(asker="alice@example.com")
    await alice.open(id)

    assert await alice.page.locator("#approve").count() == 0
    assert "somebody else approves it" in await alice.text()
    other = await place.hold(persons=frozenset({"dana", "casey"}))
    await alice.open(other)
    names, values = [await alice.page.locator(f".facts {one}").all_inner_texts() for one in ("dt", "dd")]
    facts = dict(zip(names, values, strict=True))
    assert facts["Owner"] == "dana"
    assert facts["Asked by"] == "repo:acme/nightly casey"
    assert (facts["Statement"], facts["Workload"], facts["Model"]) == ("large", "nightly", "small")
    assert facts["Goes to"] == "model llm.example"


async def test_an_expired_one_cannot_be_decided_any_more(place: Place, alice: Visitor) -> None:
    id = await place.hold(terms=some_terms("security", within=60.0))
    await alice.open(id)
    await alice.press("a")
    place.ahead = 61.0
    await alice.press("Enter")
    await alice.page.wait_for_selector("#refused")
    assert "has expired" in await alice.page.inner_text("#refused")
    await place.desk.sweep()

    assert await place.state(id) == "expired"


async def test_who_logged_in_too_long_ago_logs_in_again_to_decide(place: Place, alice: Visitor) -> None:
    id = await place.hold()
    place.ahead = AGE + 60
    await alice.open(id)

    assert await alice.page.locator("#approve").count() == 0
    assert "max_age=900" in str((await place.site.logins.begin(place.site.logins.issuers()[0], "/"))[0])
    assert f"back=/approvals/{id}" in str(await alice.page.get_attribute("#again", "href"))


async def test_the_inbox_shows_at_once_what_is_held_and_what_is_settled(place: Place, alice: Visitor) -> None:
    await alice.open()
    await alice.page.wait_for_selector("#live.on")
    looks: list[str] = []
    alice.page.on("request", lambda request: looks.append(request.url))
    id = await place.hold()
    await alice.page.wait_for_selector(f"tr[data-id='{id}']")
    others = [await place.hold() for _ in range(5)]
    await alice.page.wait_for_selector(f"tr[data-id='{others[-1]}']")
    assert len(looks) <= 4  # one look for many moves

    place.ahead = 5 * 3600
    await place.desk.sweep()
    await alice.page.wait_for_selector(f"tr[data-id='{id}']", state="detached")


async def test_the_keyboard_alone_is_enough(place: Place, alice: Visitor) -> None:
    first, second = await place.hold(terms=some_terms("security", within=60.0)), await place.hold()
    await alice.open()
    press = alice.press
    await press("j")
    await press("j")
    await press("k")
    await press("j")
    focused = alice.page.locator(":focus")
    assert await focused.inner_text() == second
    outline = await focused.evaluate("one => getComputedStyle(one).outlineStyle")
    assert outline == "solid"  # it can be seen where one is

    await press("Enter")
    await alice.page.wait_for_url(f"**/approvals/{second}")
    await press("?")
    assert await alice.page.locator("#help").is_visible()
    await press("d")  # what the help names works while it is there
    assert await alice.page.locator("#help").is_hidden()
    await alice.page.keyboard.type("a and d are letters here")
    await press("Enter")
    await alice.page.wait_for_selector(".state.denied")
    await press("u")
    await alice.page.wait_for_selector(f"tr[data-id='{first}']")
    assert await place.state(first) == "pending"


async def test_a_finding_is_marked_and_what_changed_is_shown(place: Place, alice: Visitor) -> None:
    first = await place.hold(marked("Write to <EMAIL_ADDRESS>\nthe third quarter", "EMAIL_ADDRESS"))
    await alice.open(first)
    assert await alice.page.locator("pre mark").all_inner_texts() == ["<EMAIL_ADDRESS>"]
    await alice.press("a")
    await alice.press("Enter")
    await alice.page.wait_for_selector(".state.approved")
    approval = await asyncio.wait_for(place.held[-1], 10)
    await place.desk.consume(first, approval.binding, "x0")

    second = await place.hold(marked("Write to <EMAIL_ADDRESS>\nthe fourth quarter", "EMAIL_ADDRESS"))
    await alice.open(second)
    assert await alice.page.locator(".line b").all_inner_texts() == ["third", "fourth"]


async def test_what_is_masked_is_shown_to_those_allowed_and_recorded_first(place: Place, alice: Visitor) -> None:
    id = await place.hold("Write to <EMAIL_ADDRESS>")
    await alice.open(id)
    await alice.page.click("text=Show it, and record that")
    await alice.page.wait_for_selector("text=has no plaintext of it any more")
    assert place.recorded == []

    place.raw[id] = plain = "Write to maria" + "@example.com"
    await alice.page.click("text=Show it, and record that")
    await alice.page.wait_for_selector("text=Recorded:")
    assert plain in await alice.text()
    ((event, message),) = place.recorded
    assert (event, id in message, "alice" in message) == ("prompt-unmasked", True, True)


async def test_who_may_see_nothing_sees_nothing(place: Place, visitors: list[Visitor], tokens: dict[str, str]) -> None:
    id = await place.hold("A secret plan.")
    await visitors[0].enter(tokens["eve"])
    await visitors[0].open()
    assert "Nothing is held" in await visitors[0].text()
    await visitors[0].open(id)

    assert "Only a member of an approving group" in await visitors[0].text()
    assert "secret plan" not in await visitors[0].page.content()


async def test_after_logging_out_the_cookie_is_worth_nothing(place: Place, alice: Visitor) -> None:
    await alice.open()
    cookies = await alice.context.cookies(place.url)
    await alice.page.click("text=Log out")
    await alice.page.wait_for_selector("text=Log in with")
    await alice.context.add_cookies(cookies)  # type: ignore[arg-type]
    await alice.open()

    assert "Log in" in await alice.text()


async def test_after_logging_out_the_way_back_shows_nothing(place: Place, alice: Visitor) -> None:
    id = await place.hold("A secret plan.")
    await alice.open(id)
    await alice.page.wait_for_selector("text=A secret plan.")
    await alice.page.click("text=Log out")
    await alice.page.wait_for_selector("text=Log in with")
    await alice.page.go_back()
    await alice.page.wait_for_selector("text=Log in with")

    assert "secret plan" not in await alice.page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_it_fits_on_a_phone_and_reads_in_the_dark(place: Place, alice: Visitor, scheme: str, width: int) -> None:
    id = await place.hold("word " * 200 + "x" * 2000, workload="a-workload-with-a-very-long-name-of-many-words-indeed")
    glass = await place.hold(terms=some_terms("legal", "security", break_glass=frozenset({"security"})))
    limits, other = Limits(1000, 100 << 20, 3600.0), an_approver("max", "security", authenticated_at=place.clock())
    await place.desk.decide(glass, other, True, "fire", break_glass=True)
    grant = (await place.grant(other, Wanted("nightly", ("large",), "model", "m" * 100, limits), "word " * 100)).id
    await alice.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await alice.page.set_viewport_size({"width": width, "height": 740})
    for where in ("", "settled", "grants", f"grants?like={id}", *(f"approvals/{one}" for one in (id, glass, grant))):
        await alice.page.goto(f"{place.url}/{where}")
        assert await alice.page.evaluate("document.documentElement.scrollWidth") == width
        assert await alice.page.evaluate(CONTRAST) == []


CONTRAST = """() => {
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const color = numbers(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !one.checkVisibility() || one.closest(".skip, kbd")) continue;
    const [a, b] = [light(numbers(getComputedStyle(one).color)), light(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${one.className || one.tagName}: ${ratio.toFixed(1)}`);
  }
  return poor;
}"""
"""What is written with less contrast than WCAG 2.2, 1.4.3 asks."""
