from __future__ import annotations

from mitmproxy import contentviews, http

from recordings import masked, refused, socketed
from weighlock.replay.contents import View
from weighlock.replay.view import FIRST, Weighlock


def shown(flow: http.HTTPFlow, message: http.Message | None) -> str:
    assert message
    data, metadata = message.raw_content or b"", contentviews.Metadata(flow=flow, http_message=message)
    assert Weighlock().render_priority(data, metadata) == FIRST
    return Weighlock().prettify(data, metadata)


def test_a_request_is_shown_under_its_verdict() -> None:
    (flow,) = masked().flows()

    head, _, text = shown(flow, flow.request).partition("---\n")

    assert head.splitlines() == [
        f"exchange: {flow.id}, entry 0",
        "principal: nightly of dana as repo:acme/nightly",
        "verdict: mask because of model-calls",
        f"policy: {'d' * 64}",
        "findings: 2",
        "  - EMAIL_ADDRESS at /messages/0/content 0-5, by email-address, medium",
        "  - EMAIL_ADDRESS at /messages/0/content 0-5, by email-address, medium",
    ]
    assert text == '{\n  "say": "<EMAIL_ADDRESS>"\n}'


def test_a_response_is_shown_under_its_own() -> None:
    (flow,) = masked().flows()

    assert "- CREDIT_CARD at " in shown(flow, flow.response)


def test_a_refusal_is_shown_with_its_reason_and_withheld() -> None:
    (flow,) = refused().flows()

    said = shown(flow, flow.request)

    assert "refused: policy-blocked: Policy does not let this pass." in said
    assert said.endswith("---\nwithheld: never forwarded")


def test_a_message_of_a_websocket_is_shown_under_its_own_and_an_answer_as_it_is() -> None:
    (flow,) = socketed().flows(View.MASKED)
    assert flow.websocket
    answered, asked, _ = flow.websocket.messages

    view = Weighlock()
    said = view.prettify(asked.content, contentviews.Metadata(flow=flow, websocket_message=asked))

    assert "verdict: mask" in said
    assert view.render_priority(b"", contentviews.Metadata(flow=flow, websocket_message=answered)) < 0


def test_another_flow_is_left_to_other_views() -> None:
    (flow,) = masked().flows()
    flow.metadata.clear()

    for metadata in (contentviews.Metadata(flow=flow, http_message=flow.request), contentviews.Metadata()):
        assert Weighlock().render_priority(b"", metadata) < 0
