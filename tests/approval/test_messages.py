"""What people are told of an approval, as each medium wants it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

import pytest

from held import NOW, an_approval, some_terms
from weighlock.approval import messages
from weighlock.approval.channels import Mail
from weighlock.approval.notices import LONG, News, Notice, counted, news_of, notice
from weighlock.holds import ApprovalState, Decision, Kind, Mark, Shown

MAIL = Mail("mail.example", 587, "starttls", "gate@example.com", ("sec@example.com", "ops@example.com"))


def a_notice(news: News = News.PENDING, **given: Any) -> Notice:
    return notice(an_approval(**given), news, NOW, "https://gate.example", {"EMAIL_ADDRESS": 3})


def every_text(told: Notice) -> str:
    said = [messages.webhook(told), messages.slack(told, NOW), messages.teams(told, NOW)]
    return json.dumps(said, ensure_ascii=False) + messages.email(MAIL, told, NOW).as_string()


def test_the_signature_is_that_of_standard_webhooks() -> None:
    secret, body = secrets.token_bytes(32), b'{"a": 1}'

    headers = messages.signed(secret, "ab12-pending", 1700000000, body)

    digest = hmac.new(secret, b"ab12-pending.1700000000." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("ab12-pending", "1700000000")


def test_the_signature_is_that_of_the_published_example() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = messages.signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_says_the_same_however_often() -> None:
    told = a_notice(terms=some_terms("leads", need=2))

    said = messages.webhook(told)

    assert said["type"] == "approval.pending"
    assert said["timestamp"] == "1970-01-01T00:16:40Z"
    assert said["data"]["link"] == "https://gate.example/approvals/ab12"
    assert (said["data"]["groups"], said["data"]["need"]) == (["leads"], 2)
    assert said["data"]["findings"] == {"EMAIL_ADDRESS": 3}
    assert messages.webhook(Notice.load(told.dump())) == said


def test_slack_interprets_nothing_that_stands_in_a_notice() -> None:
    said = messages.slack(a_notice(workload="<!channel> *now* & then"), NOW)

    assert "&lt;!channel&gt; *now* &amp; then" in said["text"]
    texts = [said["blocks"][0]["text"], *said["blocks"][1]["fields"], said["blocks"][-1]["elements"][0]["text"]]
    assert {text["type"] for text in texts} == {"plain_text"}
    assert all(len(block.get("fields", [])) <= 10 for block in said["blocks"])
    assert said["blocks"][-1]["elements"][0]["url"] == "https://gate.example/approvals/ab12"


def test_teams_gets_a_card_of_text_runs_alone() -> None:
    (attachment,) = messages.teams(a_notice(workload="[here](https://evil.example)"), NOW)["attachments"]

    card = attachment["content"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert "Workload: [here](https://evil.example)" in json.dumps(card["body"])
    assert card["actions"][0]["url"] == "https://gate.example/approvals/ab12"


def test_mail_is_plain_text_and_the_same_message_when_it_is_sent_again() -> None:
    message, again = (messages.email(MAIL, a_notice(owner="dana\r\nBcc: x@y.example"), at) for at in (NOW, NOW + 60))

    assert message.get_content_type() == "text/plain"
    assert message["To"] == "sec@example.com, ops@example.com"
    assert message["Bcc"] is None
    assert message["Message-ID"] == again["Message-ID"] == "<ab12-pending@example.com>"
    assert "https://gate.example/approvals/ab12" in message.get_content()
    assert "Found: EMAIL_ADDRESS ×3" in message.get_content()
    assert "Time left: 1 min" in message.get_content()


def test_what_a_person_wrote_is_told_to_nobody() -> None:
    secret = secrets.token_hex(8)
    decided = Decision("lee@example.com", False, secret, NOW)

    denied = a_notice(News.DENIED, state=ApprovalState.DENIED, decisions=(decided,))
    grant = a_notice(kind=Kind.GRANT, reason=secret)

    assert secret not in every_text(denied) + every_text(grant) + denied.dump() + grant.dump()
    assert "Decided by: lee@example.com" in messages.email(MAIL, denied, NOW).get_content()


def test_a_word_is_on_one_line_and_not_too_long() -> None:
    told = a_notice(workload="a\n\u202eb" + "x" * 5000)

    assert told.workload.startswith("a  bx")
    assert len(told.workload) == LONG
    assert "\u202e" not in every_text(told)
    assert len(messages.slack(told, NOW)["blocks"][0]["text"]["text"]) <= 150


def test_without_a_console_there_is_no_link() -> None:
    told = notice(an_approval(), News.PENDING, NOW, "", {})

    assert "Open" not in every_text(told)


def test_entities_are_counted_over_the_whole_prompt() -> None:
    one, other = Mark(0, 1, "EMAIL_ADDRESS"), Mark(2, 3, "IBAN_CODE")

    assert counted([Shown("/a", "user", "x", (one, other)), Shown("/b", "user", "x", (one,))]) == {
        "EMAIL_ADDRESS": 2,
        "IBAN_CODE": 1,
    }


@pytest.mark.parametrize("state", list(ApprovalState))
def test_each_state_is_news_to_those_who_want_it(state: ApprovalState) -> None:
    silent = {ApprovalState.CONSUMED, ApprovalState.CANCELLED}

    assert news_of(an_approval(state), set(News)) == (None if state in silent else state.value)
    assert news_of(an_approval(state), set()) is None


def test_a_broken_glass_is_louder_than_an_approval() -> None:
    glass = Decision("lee", True, "fire", NOW, break_glass=True)
    approval = an_approval(ApprovalState.APPROVED, decisions=(glass,))

    assert news_of(approval, set(News)) is News.BROKEN_GLASS
    assert news_of(approval, {News.APPROVED}) is News.APPROVED
    assert news_of(approval, {News.PENDING}) is None
