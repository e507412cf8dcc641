"""A draft of the rules is tried on what really passed: judged again, it says where it would decide otherwise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clients import ask, recorded, sdk
from demo.gateway import Gateway

WATCHED = """
statements:
  - {id: no-streams, effect: block, mode: shadow, direction: request, calls: {stream: true}}
"""
STRICTER = """
statements:
  - {id: no-addresses, effect: block, direction: request, findings: {entities: [EMAIL_ADDRESS]}}
"""


def told(gateway: Gateway, *arguments: str | Path, code: int) -> dict[str, Any]:
    done = gateway.weighlock("policy", *map(str, arguments), "--json")
    assert done.returncode == code, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_draft_is_tried_on_what_passed_and_the_shadow_on_what_passes(
    make: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = make()
    (gateway.rules / "policy" / "watched.yaml").write_text(WATCHED)
    with gateway:
        assert ask(gateway, "Write to jane@example.com.").status_code == 200
        assert ask(gateway, "Hello there.").status_code == 200
        assert ask(gateway, "My key is AKIA" + "Q3EGRIVK7ZQ4TM2X").status_code == 403
        streamed = sdk(gateway).chat.completions.create(
            model="demo", messages=[{"role": "user", "content": "leak a card"}], stream=True
        )
        assert list(streamed)
        recorded(gateway, "response", 3)

        draft = shutil.copytree(gateway.rules, tmp_path / "draft")
        assert told(gateway, "replay", "--candidate", draft, code=0) == {
            "verdicts": 7,
            "changed": 0,
            "changes": [],
            "not_reproduced": [],
            "not_judged": {},
        }

        (draft / "policy" / "default.cases.yaml").unlink()
        (draft / "policy" / "stricter.yaml").write_text(STRICTER)
        (change,) = told(gateway, "replay", "--candidate", draft, "--since", "1h", code=1)["changes"]
        assert (change["was"]["action"], change["now"]["action"], change["count"]) == ("mask", "block", 1)
        assert change["now"]["because"] == ["no-addresses"]

        (change,) = told(gateway, "shadow", code=1)["changes"]
        assert (change["was"]["action"], change["now"]["action"], change["count"]) == ("allow", "block", 1)
        shown = gateway.weighlock("policy", "shadow")
        assert "no-streams" in shown.stdout
        assert shown.stdout.endswith("1 of 7 verdicts would change\n")

        (draft / "detect" / "pii" / "imei.yaml").unlink()
        unknown = told(gateway, "replay", "--candidate", draft, code=3)
        assert unknown["not_judged"] == {
            "the draft has other rules of detection, and the texts are sealed": 7,
        }
        key = gateway.state / "auditor.key"
        (change,) = told(gateway, "replay", "--candidate", draft, "--identity", key, code=1)["changes"]
        assert (change["now"]["because"], change["count"]) == (["no-addresses"], 1)
        email = draft / "detect" / "pii" / "email.yaml"
        email.write_text(email.read_text().replace("entity: EMAIL_ADDRESS", "entity: MAILBOX"))
        (draft / "policy" / "stricter.yaml").write_text(STRICTER.replace("EMAIL_ADDRESS", "MAILBOX"))
        changes = told(gateway, "replay", "--candidate", draft, "--identity", key, code=1)["changes"]
        assert [(one["direction"], one["now"]["action"]) for one in changes] == [("request", "block")]
