"""What other sites' pages, and prompts, try in a real browser."""

from __future__ import annotations

import html
from urllib.parse import urlencode

import pytest
from playwright.async_api import Page

from browsing import Place
from visiting import Visitor
from weighlock.holds import Mark, Shown

EVIL = "http://evil.example"


FRAME = "(src) => document.body.append(Object.assign(document.createElement('iframe'), {src}))"


async def evil(visitor: Visitor, body: str, site: str = EVIL) -> Page:
    """A page of another site, in the same browser."""
    await visitor.context.route(f"{site}/**", lambda route: route.fulfill(body=body, content_type="text/html"))
    page = await visitor.context.new_page()
    await page.goto(f"{site}/")
    return page


async def test_another_sites_form_decides_nothing(place: Place, alice: Visitor) -> None:
    id = await place.hold()
    await alice.open(id)
    forms = await alice.page.locator("input[name=form]").first.input_value()  # even if it leaked
    page = await evil(
        alice,
        f"<form method=post action='{place.url}/approvals/{id}/decision'><input name=decision value=approve>"
        f"<input name=form value='{html.escape(forms)}'><button>win a prize</button></form>",
    )
    async with page.expect_response(lambda response: "/decision" in response.url) as answered:
        await page.click("button")

    assert (await answered.value).status == 403
    assert await place.state(id) == "pending"


async def test_another_sites_form_asks_for_no_grant(place: Place, alice: Visitor) -> None:
    await alice.page.goto(f"{place.url}/grants")
    fields = {
        "form": await alice.page.locator("input[name=form]").first.input_value(),  # even if it leaked
        "workload": "nightly",
        "statement": "large",
        "destination": "model",
        "requests": "1000",
        "bytes": "1000",
        "minutes": "60",
        "reason": "a prize",
    }
    inputs = "".join(f"<input name={name} value='{html.escape(value)}'>" for name, value in fields.items())
    page = await evil(
        alice, f"<form method=post action='{place.url}/grants'>{inputs}<button>win a prize</button></form>"
    )
    async with page.expect_response(lambda response: "/grants" in response.url) as answered:
        await page.click("button")

    assert (await answered.value).status == 403
    assert await place.desk.list() == []


async def test_another_sites_script_neither_reads_nor_decides(place: Place, alice: Visitor) -> None:
    id = await place.hold("A secret plan.")
    page = await evil(alice, "")
    body = urlencode({"decision": "approve", "reason": ""})
    said = await page.evaluate(
        """async ([url, body]) => {
            const tried = [];
            for (const [place, given] of [["", {}], ["/decision", {method: "POST", body}]]) {
                for (const mode of ["cors", "no-cors"]) {
                    const headers = {"content-type": "application/x-www-form-urlencoded"};
                    const request = fetch(url + place, {...given, mode, headers, credentials: "include"});
                    tried.push(await request.then((answer) => answer.text(), () => ""));
                }
            }
            return tried;
        }""",
        [f"{place.url}/approvals/{id}", body],
    )

    assert said == ["", "", "", ""]
    assert await place.state(id) == "pending"


@pytest.mark.parametrize("site", [EVIL, "http://127.0.0.1:9"])  # the second is the same site, and sends the cookie
async def test_no_page_is_shown_inside_another(place: Place, alice: Visitor, site: str) -> None:
    id = await place.hold()
    page = await evil(alice, "", site)
    async with page.expect_event("framenavigated"):
        await page.evaluate(FRAME, f"{place.url}/approvals/{id}")

    assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"]


async def test_a_form_without_its_sessions_token_decides_nothing(place: Place, alice: Visitor, lee: Visitor) -> None:
    id = await place.hold()
    await lee.open(id)
    theirs = await lee.page.locator("input[name=form]").first.input_value()
    await alice.open(id)
    for token in ("", "x", theirs):
        status = await alice.page.evaluate(
            """async ([url, form]) => {
                const body = new URLSearchParams({form, decision: "approve"});
                return (await fetch(url, {method: "POST", body})).status;
            }""",
            [f"{place.url}/approvals/{id}/decision", token],
        )
        assert status == 403

    assert await place.state(id) == "pending"


async def test_a_link_from_elsewhere_opens_the_page_for_who_is_logged_in(place: Place, alice: Visitor) -> None:
    id = await place.hold()
    page = await evil(alice, f"<a href='{place.url}/approvals/{id}'>a mail's link</a>")
    await page.click("a")
    await page.wait_for_selector("#approve")

    assert await place.state(id) == "pending"


SCRIPTS = {
    "script": "<script>window.ran = 1</script>",
    "image": "<img src=x onerror='window.ran = 1'>",
    "svg": "<svg onload='window.ran = 1'><animate onbegin='window.ran = 1' attributeName=x dur=1s>",
    "attribute": "\" autofocus onfocus='window.ran = 1' x=\"",
    "title": "</title></textarea></pre></mark><script>window.ran = 1</script>",
    "template": "{{ __import__('os') }}{% raw handler %}${window.ran = 1}",
    "link": "<a href='javascript:window.ran = 1' id=x>click</a>",
    "frame": "<iframe srcdoc='<script>parent.ran = 1</script>'></iframe>",
    "meta": "<meta http-equiv=refresh content='0;url=javascript:window.ran=1'>",
    "base": "<base href='//evil.example/'><link rel=stylesheet href=x.css>",
    "style": "<style>@import '//evil.example/x.css'; * { display: none }</style>",
    "entity": "&lt;script&gt;window.ran = 1&lt;/script&gt;&#60;img src=x onerror=ran=1&#62;",
    "comment": "--><!--<img src='--><img src=x onerror=window.ran=1//'>",
    "math": "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=window.ran=1&gt;'>",
    "utf7": "+ADw-script+AD4-window.ran=1+ADw-/script+AD4-",
    "clobber": "<form id=help><input name=showModal></form><a id=live href=x></a><form id=list data-live>",
    "nul": "<scr\0ipt>window.ran = 1</scr\0ipt>",
    "separator": "\u2028window.ran = 1\u2029//",
}


async def test_no_script_of_a_prompt_runs(place: Place, alice: Visitor) -> None:
    """Each in every place that a requester has a word in, at once; before and after."""
    refused: list[str] = []
    elsewhere: list[str] = []
    alice.page.on("console", lambda said: refused.append(said.text))
    alice.page.on("dialog", lambda dialog: refused.append(dialog.message))
    alice.page.on("request", lambda request: elsewhere.append(request.url))
    texts = tuple(
        Shown(f"/messages/{at}/{said}", "content", said, (Mark(0, 3, said), Mark(1, 2, "X")))
        for at, said in enumerate(SCRIPTS.values())
    )
    everything = "".join(SCRIPTS.values())
    words = dict.fromkeys(("model", "operation", "dialect", "reason", "workload", "subject"), everything)
    id = await place.hold(*texts, because=tuple(SCRIPTS.values()), **words)
    for where in ("", f"grants?like={id}", f"approvals/{id}"):
        await alice.page.goto(f"{place.url}/{where}")
        assert await alice.page.evaluate("window.ran") is None
        assert await alice.page.evaluate("document.scripts.length") == 1
        assert (
            await alice.page.evaluate("document.querySelectorAll('main :is(script, iframe, img, style, svg)').length")
            == 0
        )
    shown = await alice.page.locator("figure.text pre").all_text_contents()
    assert len(shown) == len(SCRIPTS)
    assert shown[0] == SCRIPTS["script"]  # all of it is there to be read
    assert "[U+0000]" in shown[list(SCRIPTS).index("nul")]
    assert [line for line in refused if "violates" in line] == []  # nor was there anything to stop
    assert {url for url in elsewhere if not url.startswith(place.url)} == set()


async def test_where_markup_did_get_in_the_policy_would_stop_its_scripts(place: Place, alice: Visitor) -> None:
    await alice.open()
    said = await alice.page.evaluate(
        """() => {
            const tried = [];
            const attempt = (act) => { try { act(); } catch (error) { tried.push(error.name); } };
            attempt(() => { document.body.innerHTML = "<img src=x onerror='window.ran = 1'>"; });
            attempt(() => { document.createElement("script").text = "window.ran = 1"; });
            attempt(() => document.body.setAttribute("onclick", "window.ran = 1"));
            return tried;
        }"""
    )

    assert said == ["TypeError", "TypeError", "TypeError"]
    await alice.page.click("main")
    assert await alice.page.evaluate("window.ran") is None
