"""The notifier, with receivers on real connections."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from held import a_desk, a_request, an_approval, listed, some_terms
from hooks import Hooks, post, verified
from sites import an_authority, serving
from weighlock.adapters.approvals import Desk
from weighlock.adapters.delivery import Undelivered, deliver
from weighlock.adapters.notifier import Notifier, read_channels
from weighlock.adapters.stores import outbox
from weighlock.adapters.stores.outbox import Outbox
from weighlock.approval.channels import Channel, Mail, Medium
from weighlock.approval.notices import News, Notice, notice
from weighlock.errors import ConfigError
from weighlock.holds import Mark, Shown

SECRET = secrets.token_bytes(32)


def a_channel(url: str = "", id: str = "hook", **given: Any) -> Channel:
    usual: dict[str, Any] = {"medium": Medium.WEBHOOK, "events": frozenset(News), "groups": frozenset()}
    return Channel(id=id, url=url, **usual | {"secret": SECRET} | given)


def a_mailer(port: int, **given: Any) -> Channel:
    mail = Mail("127.0.0.1", port, given.pop("tls", "none"), "gate@example.com", ("sec@example.com",))
    return a_channel(medium=Medium.EMAIL, mail=mail, secret=b"", **given)


def a_notice() -> Notice:
    return notice(an_approval(), News.PENDING, 1000.0, "https://gate.example", {"EMAIL_ADDRESS": 3})


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "FIRST", 0.001)


@contextlib.asynccontextmanager
async def running(state: Path, *channels: Channel, desk: Desk | None = None, **given: Any) -> AsyncIterator[Notifier]:
    box = Outbox.open(state, time.time, lambda: 0.5)
    notifier = Notifier(channels, box, desk or a_desk(), time.time, "https://gate.example", **given)
    watch = asyncio.create_task(notifier.watch())
    try:
        yield notifier
    finally:
        watch.cancel()
        await asyncio.wait([watch])
        await notifier.close()


async def settled(state: Path, waiting: Mapping[str, int] | None = None) -> None:
    """As soon as only *waiting* waits."""
    box = Outbox.open(state, time.time, lambda: 0.5)
    async with asyncio.timeout(10):
        while await asyncio.to_thread(box.waiting) != (waiting or {}):
            pass
    box.close()


async def test_a_webhook_hears_of_a_hold_with_a_signature_that_verifies(tmp_path: Path) -> None:
    with Hooks() as hooks:
        async with running(tmp_path, a_channel(hooks.url)) as notifier:
            notifier.publish(an_approval())
            got = await hooks.next()

    assert verified(SECRET, got)
    assert not verified(secrets.token_bytes(32), got)
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    assert json.loads(got.body)["data"]["id"] == "ab12"


async def test_what_was_found_is_counted_and_the_prompt_is_told_to_nobody(tmp_path: Path) -> None:
    desk, word = a_desk(time.time), secrets.token_hex(8)
    prompt = (Shown("/messages/0/content", "user", f"{word} <EMAIL_ADDRESS>", (Mark(17, 32, "EMAIL_ADDRESS"),)),)
    asked = asyncio.create_task(desk.hold(dataclasses.replace(a_request(), prompt=prompt), 30))
    await listed(desk)
    with Hooks() as hooks:
        async with running(tmp_path, a_channel(hooks.url), desk=desk):  # it was held before anybody listened
            got = await hooks.next()
    asked.cancel()

    assert json.loads(got.body)["data"]["findings"] == {"EMAIL_ADDRESS": 1}
    assert word not in got.body.decode()


async def test_what_fails_is_tried_again_with_the_same_id_and_then_never_more(tmp_path: Path) -> None:
    with Hooks(500, 302) as hooks:
        async with running(tmp_path, a_channel(hooks.url)) as notifier:
            notifier.publish(an_approval())
            tries = [await hooks.next() for _ in range(3)]
            notifier.publish(an_approval())
            await settled(tmp_path)

    assert {one.headers["webhook-id"] for one in tries} == {"ab12-pending"}
    assert {one.path for one in tries} == {"/held"}, "a redirect is not followed"
    assert hooks.got.empty()


async def test_a_channel_hears_only_of_what_its_groups_decide_and_of_its_events(tmp_path: Path) -> None:
    with Hooks() as hooks:
        legal = a_channel(hooks.url, groups=frozenset({"legal"}), events=frozenset({News.PENDING}))
        async with running(tmp_path, legal) as notifier:
            notifier.publish(an_approval(id="a1", terms=some_terms("leads")))
            notifier.publish(an_approval(id="a2", terms=some_terms("leads", "legal")))
            got = await hooks.next()
            await settled(tmp_path)

    assert json.loads(got.body)["data"]["id"] == "a2"
    assert hooks.got.empty()


async def test_a_channel_that_never_answers_keeps_no_other_waiting_and_what_waits_outlives_a_restart(
    tmp_path: Path,
) -> None:
    begun = asyncio.Event()

    async def silent(channel: Channel, told: Notice, now: float) -> None:
        if channel.id == "dead":
            begun.set()
            await asyncio.Event().wait()
        await deliver(channel, told, now)

    with Hooks() as hooks:
        dead, live = a_channel(hooks.url, "dead"), a_channel(hooks.url, "live")
        async with running(tmp_path, dead, live, deliver=silent) as notifier:
            notifier.publish(an_approval())
            await hooks.next()
            await begun.wait()
            await settled(tmp_path, {"dead": 1})
        async with running(tmp_path, dead, live):
            await hooks.next()
            await settled(tmp_path)

    assert hooks.got.empty()


async def test_what_is_heard_in_the_last_moment_is_kept(tmp_path: Path) -> None:
    box = Outbox.open(tmp_path, time.time, lambda: 0.5)
    notifier = Notifier([a_channel("https://a.example")], box, a_desk(), time.time, "")
    notifier.publish(an_approval())

    await notifier.close()

    assert Outbox.open(tmp_path, time.time, lambda: 0.5).waiting() == {"hook": 1}


async def test_certificates_are_checked_of_a_webhook_and_of_a_mail_server(tmp_path: Path) -> None:
    ca, context = an_authority(tmp_path, "own")
    async for site in serving(context):
        site.answers["/held"] = {}
        async with post(context=context) as office:
            for channel in (a_channel(f"{site.url}/held", ca=str(ca)), a_mailer(office.port, tls="tls", ca=str(ca))):
                await deliver(channel, a_notice(), 1000.0)
                with pytest.raises(Undelivered, match="SSL"):
                    await deliver(dataclasses.replace(channel, ca=""), a_notice(), 1000.0)
            assert office.mails.qsize() == 1
        assert site.asked == ["/held"]


def test_a_file_that_is_not_there_is_said_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: FileNotFoundError"):
        read_channels(tmp_path / "notify.yaml", {})
    file = tmp_path / "ca.yaml"
    file.write_text("channels:\n  - {id: a, kind: slack, url: 'https://a.example', ca: /not/there}\n")
    with pytest.raises(ConfigError, match="no authorities of channel 'a'"):
        read_channels(file, {})
