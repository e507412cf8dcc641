"""A hold at a real gateway is told to a receiver, and its prompt to nobody."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path

from clients import ask
from demo.gateway import Gateway
from hooks import Hooks, verified

POLICY = """
statements:
  - {id: exports-are-looked-at, effect: hold, direction: request, principals: {workloads: [export]},
     approvers: {groups: [security]}, reason: Exports are looked at.}
"""


def test_a_held_request_is_told_with_a_signature_and_without_a_word_of_its_prompt(
    make: Callable[..., Gateway], tmp_path: Path
) -> None:
    secret, word = secrets.token_bytes(32), secrets.token_hex(6)
    env = {"HOOK_SECRET": f"whsec_{base64.b64encode(secret).decode()}"}
    with Hooks(500) as hooks:
        notify = tmp_path / "notify.yaml"
        notify.write_text(f"channels:\n  - {{id: hook, kind: webhook, url: '{hooks.url}', secret_env: HOOK_SECRET}}\n")
        gateway = make(env=env, options={"weighlock_notify": str(notify), "weighlock_hold_for": "1s"})
        (gateway.rules / "policy" / "held.yaml").write_text(POLICY)
        gateway.start()
        gateway.wait_ready()

        answer = ask(gateway, f"{word} of dana@example.com", gateway.token(project_id=9))
        first, again = hooks.got.get(timeout=30), hooks.got.get(timeout=30)
        gateway.stop()

    said = json.loads(again.body)["data"]
    assert answer.json()["error"]["code"] == "approval-pending"
    assert said["id"] in answer.text
    assert "Channels told: hook." in answer.text
    assert first.body == again.body
    assert verified(secret, first)
    assert verified(secret, again)
    assert (said["workload"], said["because"], said["groups"]) == ("export", ["exports-are-looked-at"], ["security"])
    assert said["findings"] == {"EMAIL_ADDRESS": 1}
    assert said["link"] == f"http://127.0.0.1:{gateway.console_port}/approvals/{said['id']}"
    for told in (*first.headers.values(), first.body.decode(), gateway.output):
        assert word not in told
        assert "dana@example.com" not in told
    assert env["HOOK_SECRET"] not in gateway.output
