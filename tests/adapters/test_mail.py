"""Notices by mail, with a mail server on real connections."""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from held import a_desk, an_approval
from hooks import Post, post
from sites import an_authority
from weighlock.adapters.delivery import Undelivered, deliver
from weighlock.adapters.notifier import Notifier
from weighlock.adapters.stores import outbox
from weighlock.adapters.stores.outbox import Outbox
from weighlock.approval.channels import Channel, Mail, Medium
from weighlock.approval.notices import News, Notice, notice


def a_mailer(port: int, ca: str | Path = "", **given: Any) -> Channel:
    usual = {"host": "127.0.0.1", "tls": "starttls", "sender": "gate@example.com", "to": ("sec@example.com",)}
    mail = Mail(**usual | given, port=port)
    return Channel("mail", Medium.EMAIL, frozenset(News), frozenset(), mail=mail, ca=str(ca))


def a_notice() -> Notice:
    return notice(an_approval(), News.PENDING, 1000.0, "https://gate.example", {"EMAIL_ADDRESS": 3})


async def refusal(channel: Channel) -> str:
    with pytest.raises(Undelivered) as error:
        await deliver(channel, a_notice(), 1000.0)
    assert error.value.__cause__ is None
    return str(error.value)


def told(office: Post) -> list[str]:
    """The commands by which something is told about a mail, or of who sends it."""
    return [said for said in office.said if said.startswith(("AUTH", "MAIL", "RCPT", "DATA"))]


async def test_a_mail_arrives_as_plain_text() -> None:
    async with post() as office:
        await deliver(a_mailer(office.port, tls="none"), a_notice(), 1000.0)
        mail = await office.mails.get()

    assert "RCPT TO:<SEC@EXAMPLE.COM>" in office.said
    assert "Subject: [weighlock] Request of nightly waits for approval" in mail
    assert "https://gate.example/approvals/ab12" in mail


async def test_a_mail_that_is_not_taken_says_with_which_code_and_nothing_more() -> None:
    async with post(b"554 go away, dana") as office:
        assert await refusal(a_mailer(office.port, tls="none")) == "SMTP 554"


async def test_with_starttls_nothing_is_told_before_tls(tmp_path: Path) -> None:
    ca, context = an_authority(tmp_path, "own")
    async with post(starttls=context) as office:
        await deliver(a_mailer(office.port, ca), a_notice(), 1000.0)

    assert office.mails.qsize() == 1
    assert [said.partition(" ")[0] for said in office.said[: office.clear]] == ["EHLO", "STARTTLS"]
    assert len(told(office)) == 3


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_mail_server_that_cannot_prove_its_name_is_told_nothing(tmp_path: Path, tls: str) -> None:
    ca, context = an_authority(tmp_path, "own")
    other, _ = an_authority(tmp_path, "other")
    password = secrets.token_hex(8)
    server = {"starttls": context} if tls == "starttls" else {"context": context}
    async with post(**server, login=("gate", password)) as office:
        who = {"tls": tls, "user": "gate", "password": password}
        assert "SSL" in await refusal(a_mailer(office.port, other, **who))
        assert "SSL" in await refusal(a_mailer(office.port, **who))
        assert "SSL" in await refusal(a_mailer(office.port, ca, **who | {"host": "localhost"}))

    assert (told(office), office.mails.qsize()) == ([], 0)


async def test_a_login_is_said_under_tls_alone_and_to_who_it_is_for(tmp_path: Path) -> None:
    ca, context = an_authority(tmp_path, "own")
    password = secrets.token_hex(8)
    async with post(starttls=context, login=("gate", password)) as office:
        channel = a_mailer(office.port, ca, user="gate", password=password)
        await deliver(channel, a_notice(), 1000.0)
        assert office.mails.qsize() == 1
        assert not any(said.startswith("AUTH") for said in office.said[: office.clear])

        assert await refusal(a_mailer(office.port, ca)) == "SMTP 530"
        wrong = await refusal(a_mailer(office.port, ca, user="gate", password="guess"))
        assert wrong == "SMTP 535"  # what it says besides may quote the password
        assert office.mails.qsize() == 1
    assert password not in repr(channel)


async def test_a_mail_server_that_takes_no_login_is_sent_nothing_where_there_is_one(tmp_path: Path) -> None:
    ca, context = an_authority(tmp_path, "own")
    async with post(starttls=context) as office:
        why = await refusal(a_mailer(office.port, ca, user="gate", password=secrets.token_hex(8)))

    assert why == "the mail server offers no AUTH"
    assert told(office) == []


async def test_where_tls_is_stripped_the_notice_ends_as_a_dead_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST", 0.001)
    monkeypatch.setattr(outbox, "TRIES", 3)
    box = Outbox.open(tmp_path, time.time, lambda: 0.5)
    async with post() as office:
        channel = a_mailer(office.port, user="gate", password=secrets.token_hex(8))
        notifier = Notifier([channel], box, a_desk(), time.time, "https://gate.example")
        watch = asyncio.create_task(notifier.watch())
        notifier.publish(an_approval())
        other = Outbox.open(tmp_path, time.time, lambda: 0.5)
        async with asyncio.timeout(10):
            while not (dead := await asyncio.to_thread(other.dead)):
                pass
        watch.cancel()
        await asyncio.wait([watch])
        await notifier.close()
        other.close()

    ((id, tries, why),) = [(one["id"], one["tries"], one["why"]) for one in dead]
    assert (id, tries, why) == ("ab12-pending", 3, "the mail server offers no STARTTLS")
    assert told(office) == []
    assert office.mails.empty()
