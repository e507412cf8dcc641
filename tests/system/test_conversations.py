"""Chats of one run that come in between each other are told apart in the record."""

from __future__ import annotations

import json

from clients import ask
from demo.gateway import Gateway


def test_two_chats_of_one_job_are_two_conversations(gateway: Gateway) -> None:
    token = gateway.token(pipeline_id="conversations")
    said: dict[str, list[dict[str, str]]] = {"the first": [], "the second": []}
    for turn in range(3):
        for opening, turns in said.items():
            turns.append({"role": "user", "content": f"{opening}, {turn}"})
            instructions = {"role": "system", "content": f"This is request {turn}."}
            assert ask(gateway, "", token, messages=[instructions, *turns]).status_code == 200
            turns.append({"role": "assistant", "content": "Well."})

    shown = json.loads(gateway.weighlock("sessions", "show", "nightly/run-conversations", "--json").stdout)
    ids = [turn["conversation"] for turn in shown["turns"]]
    assert ids == [ids[0], ids[1]] * 3
    assert ids[0] != ids[1]
    only = gateway.weighlock("sessions", "show", "nightly/run-conversations", "--conversation", ids[0], "--json")
    assert len(json.loads(only.stdout)["turns"]) == 3
