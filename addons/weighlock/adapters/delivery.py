"""A notice brought to its channel: by HTTPS or SMTP, each in threads of its own, so that nobody waits for it."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

from weighlock.adapters import fetch
from weighlock.approval import messages
from weighlock.approval.channels import Channel, Mail
from weighlock.approval.notices import Notice

TIMEOUT = 10.0
"""Seconds for an attempt."""

_NAMES = ThreadPoolExecutor(4, "weighlock-notify-names")
_MAILS = ThreadPoolExecutor(4, "weighlock-notify-mail")


class Undelivered(Exception):
    """The channel did not take it; says why, and quotes nothing of what it answered."""


async def deliver(channel: Channel, notice: Notice, now: float) -> None:
    """Raises Undelivered for anything but success. A redirect is none."""
    try:
        async with asyncio.timeout(TIMEOUT):
            if channel.mail:
                message = messages.email(channel.mail, notice, now)
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(_MAILS, _send, channel.mail, message, channel.ca)
                return
            body, headers = messages.posted(channel, notice, now)
            status, _ = await fetch.answer(
                channel.url, ca=channel.ca, body=body, headers=headers, timeout=TIMEOUT, threads=_NAMES
            )
    except Undelivered:
        raise
    except TimeoutError:
        raise Undelivered("no answer in time") from None
    except fetch.Unreachable as error:
        raise Undelivered(str(error)) from None
    except smtplib.SMTPResponseException as error:
        raise Undelivered(f"SMTP {error.smtp_code}") from None
    except Exception as error:  # whatever the other side does to the client; its text may quote the answer
        raise Undelivered(type(error).__name__) from None
    if not 200 <= status < 300:
        raise Undelivered(f"HTTP {status}")


def _send(mail: Mail, message: EmailMessage, ca: str) -> None:
    """Whom the server refuses while it takes others is not written to again: those would get it twice."""
    own = mail.sender.rpartition("@")[2]  # else smtplib asks for the name of this host, which may take long
    context = ssl.create_default_context(cafile=ca or None)
    client = (
        smtplib.SMTP_SSL(mail.host, mail.port, own, timeout=TIMEOUT, context=context)
        if mail.tls == "tls"
        else smtplib.SMTP(mail.host, mail.port, own, timeout=TIMEOUT)
    )
    with client:
        if mail.tls == "starttls":
            _check_offered(client, "starttls")
            client.starttls(context=context)
        if mail.user:
            _check_offered(client, "auth")
            client.login(mail.user, mail.password)
        client.send_message(message, mail.sender, list(mail.to))


def _check_offered(client: smtplib.SMTP, name: str) -> None:
    client.ehlo_or_helo_if_needed()
    if not client.has_extn(name):
        raise Undelivered(f"the mail server offers no {name.upper()}")
