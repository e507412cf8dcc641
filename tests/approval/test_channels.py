"""The file of channels: what it may say, and that no secret stands in it or leaves it."""

from __future__ import annotations

import base64
import secrets

import pytest

from weighlock.approval.channels import Channel, Medium, channels
from weighlock.approval.notices import News
from weighlock.errors import ConfigError
from weighlock.rulefile import parse

SECRET = secrets.token_bytes(32)
ENV = {
    "HOOK_SECRET": f"whsec_{base64.b64encode(SECRET).decode()}",
    "SLACK_URL": f"https://hooks.slack.example/services/{secrets.token_hex(8)}",
    "SHORT": "whsec_" + base64.b64encode(b"short").decode(),
    "MAIL_PASSWORD": secrets.token_hex(8),
}
HOOK = "id: hook, kind: webhook, url: 'https://a.example/x', secret_env: HOOK_SECRET"
MAIL = "id: post, kind: email, host: mail.example, from: gate@example.com, to: [sec@example.com]"


def read(*listed: str) -> tuple[Channel, ...]:
    text = "channels:\n" + "".join(f"  - {{{one}}}\n" for one in listed)
    return channels(parse(text, "notify.yaml"), ENV)


def test_a_channel_of_each_kind_is_read_with_its_secrets_from_the_environment() -> None:
    hook, slack, teams, mail = read(
        HOOK + ", groups: [security]",
        "id: chat, kind: slack, url_env: SLACK_URL, events: [denied]",
        "id: room, kind: teams, url: 'http://127.0.0.1:8000/x'",
        MAIL + ", user: gate, password_env: MAIL_PASSWORD",
    )

    assert (hook.secret, hook.groups, hook.events) == (SECRET, {"security"}, {News.PENDING, News.BROKEN_GLASS})
    assert (slack.url, slack.events) == (ENV["SLACK_URL"], {News.DENIED})
    assert teams.medium is Medium.TEAMS
    assert mail.mail is not None
    assert (mail.mail.port, mail.mail.tls, mail.mail.password) == (587, "starttls", ENV["MAIL_PASSWORD"])


def test_secrets_are_in_no_repr() -> None:
    told = repr(
        read(HOOK, "id: chat, kind: slack, url_env: SLACK_URL", f"{MAIL}, user: g, password_env: MAIL_PASSWORD")
    )

    assert not [value for value in (*ENV.values(), repr(SECRET)) if value in told]


WRONG = {
    "no-kind": ("id: a", "2:5: 'kind' is missing"),
    "other-kind": ("id: a, kind: slak", "did you mean 'slack'"),
    "unknown-key": (HOOK + ", secret: x", "unknown key 'secret'"),
    "no-secret": ("id: a, kind: webhook, url: 'https://a.example'", "'secret_env' is missing"),
    "no-variable": (HOOK.replace("HOOK_SECRET", "NOT_THERE"), "no variable NOT_THERE"),
    "short-secret": (HOOK.replace("HOOK_SECRET", "SHORT"), "24 to 64 bytes"),
    "odd-secret": (HOOK.replace("HOOK_SECRET", "MAIL_PASSWORD"), "whsec_"),
    "no-url": ("id: a, kind: slack", "one of 'url' and 'url_env'"),
    "two-urls": ("id: a, kind: slack, url_env: SLACK_URL, url: 'https://a.example'", "one of 'url' and 'url_env'"),
    "plain-http": ("id: a, kind: slack, url: 'http://a.example/x'", "not an https URL"),
    "user-in-url": ("id: a, kind: slack, url: 'https://u:p@a.example/x'", "not an https URL"),
    "no-host": ("id: a, kind: slack, url: 'https:///x'", "not an https URL"),
    "odd-port": ("id: a, kind: slack, url: 'https://a.example:99999/x'", "not an https URL"),
    "other-event": (HOOK + ", events: [approve]", "did you mean 'approved'"),
    "id": (HOOK.replace("id: hook", "id: 'A b'"), "an id of small letters"),
    "nobody": (MAIL.replace("[sec@example.com]", "[]"), "nobody to write to"),
    "odd-address": (MAIL.replace("sec@example.com", '"a@b\\r\\nBcc: x@y"'), "an address"),
    "no-password": (MAIL + ", user: gate", "both 'user' and 'password_env'"),
    "no-tls": (MAIL + ", tls: none", "only on loopback"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_with_its_place(name: str) -> None:
    line, told = WRONG[name]

    with pytest.raises(ConfigError) as error:
        read(line)

    assert told in str(error.value)
    assert error.value.where.startswith("notify.yaml:2:")
    assert not [value for value in ENV.values() if value in str(error.value)]


def test_two_channels_have_two_ids() -> None:
    with pytest.raises(ConfigError, match=r"notify\.yaml:3:5: there are two channels 'hook'"):
        read(HOOK, HOOK)
