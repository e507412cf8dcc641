from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builders import a_finding, a_principal
from held import an_approval
from ledgers import a_verdict, an_exchange
from weighlock.errors import Unidentified
from weighlock.ledger import entry, erasure, ocsf
from weighlock.ledger.entry import Entry, Kind
from weighlock.model import Action

SCHEMA = json.loads(Path(__file__).with_name("ocsf.json").read_text())
CLASSES = {6003: "api_activity", 2004: "detection_finding", 6002: "application_lifecycle", 3002: "authentication"}
_TYPES = {"integer_t": int, "port_t": int, "timestamp_t": int, "long_t": int, "boolean_t": bool}

_HELD = an_approval(id="A1")
_FOUND = an_exchange(findings=(a_finding(), a_finding()), verdict=a_verdict(action=Action.MASK))
_NOBODY = an_exchange(destination=None, principal=None, call=None, findings=None, verdict=None)
_ENTRIES = {
    "start": (Kind.START, entry.control_body("start", "rules 1234")),
    "stop": (Kind.STOP, entry.control_body("stop")),
    "control": (Kind.CONTROL, entry.control_body("cut-offs-changed", "1 in force")),
    "login": (Kind.CONTROL, entry.visit_body("login", '"kim" in a browser', {"issuer": "i", "subject": "kim"}, None)),
    "no-login": (Kind.CONTROL, entry.visit_body("login-refused", "", {}, Unidentified("token-expired", "Expired."))),
    "erasure": (Kind.ERASURE, erasure.erasure_body({"person": "kim"}, "asked", "robin", [1, 2])),
    "request": (Kind.REQUEST, entry.request_body(an_exchange(principal=a_principal(session="s1")))),
    "findings": (Kind.REQUEST, entry.request_body(_FOUND)),
    "refusal": (Kind.REFUSAL, entry.refusal_body(_NOBODY, Unidentified("token-expired", "Expired."))),
    "message": (Kind.MESSAGE, entry.message_body(an_exchange(), (a_finding(),), a_verdict(), ())),
    "response": (
        Kind.RESPONSE,
        entry.response_body(an_exchange(), status=200, findings=(a_finding(),), verdict=a_verdict(), refused=None),
    ),
    "approval": (Kind.APPROVAL, entry.approval_body(_HELD, "e1")),
}


def events(name: str) -> list[dict[str, Any]]:
    kind, body = _ENTRIES[name]
    return list(ocsf.events(Entry(7, "2026-01-01T12:00:01.250Z", kind, body), "weighlock/test", "1.0"))


def wrong(value: Any, name: str, at: str = "") -> list[str]:
    """What of *value* is not as the published schema says of the class or object *name*."""
    schema = SCHEMA["types"][name]
    known = schema["attributes"]
    found = [f"{at}{key}: unknown" for key in value.keys() - known.keys()]
    found += [
        f"{at}{key}: missing" for key, said in known.items() if said["requirement"] == "required" and key not in value
    ]
    any_of = schema["constraints"].get("at_least_one", ())
    if any_of and not set(any_of) & value.keys():
        found.append(f"{at}: none of {any_of}")
    for key, part in value.items():
        said = known.get(key, {})
        if said.get("array") != (True if isinstance(part, list) else None):
            found.append(f"{at}{key}: an array or none")
        for one in part if isinstance(part, list) else [part]:
            kind = said.get("type")
            if kind in SCHEMA["types"]:
                found += wrong(one, kind, f"{at}{key}.")
            elif isinstance(one, dict):
                if kind not in ("evidences", "ai_model"):
                    found.append(f"{at}{key}: an object, and {kind} is not known here")
            elif not isinstance(one, _TYPES.get(kind, str)) or one == "":
                found.append(f"{at}{key}: not {kind}")
            if "enum" in said and str(one) not in said["enum"]:
                found.append(f"{at}{key}: {one} is none of its values")
    return found


@pytest.mark.parametrize("name", _ENTRIES)
def test_every_event_is_as_the_published_schema_says(name: str) -> None:
    made = events(name)

    assert made
    for event in made:
        assert wrong(event, CLASSES[event["class_uid"]]) == []
        assert event["class_uid"] == event["category_uid"] * 1000 + SCHEMA["types"][CLASSES[event["class_uid"]]]["uid"]
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["metadata"]["version"] == SCHEMA["version"] == ocsf.VERSION
        assert event["time"] == 1_767_268_801_250


def test_the_check_itself_finds_what_is_wrong() -> None:
    (event,) = events("request")

    assert wrong(event | {"colour": "red"}, "api_activity") == ["colour: unknown"]
    assert wrong(event | {"activity_id": 55}, "api_activity") == ["activity_id: 55 is none of its values"]
    assert wrong(event | {"actor": {}}, "api_activity") != []
    assert wrong({key: value for key, value in event.items() if key != "api"}, "api_activity") == ["api: missing"]


def test_findings_make_an_event_of_their_own() -> None:
    activity, finding = events("findings")

    assert (activity["class_uid"], finding["class_uid"]) == (6003, 2004)
    assert finding["finding_info"]["title"] == "EMAIL_ADDRESS ×2"
    assert finding["metadata"]["uid"] != activity["metadata"]["uid"]
    assert activity["disposition_id"] == 11  # corrected


def test_who_comes_to_the_console_is_an_authentication() -> None:
    (login,), (refused,) = events("login"), events("no-login")

    assert (login["type_uid"], login["status_id"], login["user"]) == (300201, 1, {"name": "kim", "uid": "kim"})
    assert (refused["type_uid"], refused["status_id"], refused["user"]) == (300201, 2, {"name": "unknown"})
    assert refused["status_code"] == "token-expired"


def test_a_refusal_is_denied_and_blocked() -> None:
    (event,) = events("refusal")

    assert (event["action_id"], event["disposition_id"], event["status_id"]) == (2, 2, 2)
    assert event["status_code"] == "token-expired"


def test_who_asked_and_where_stand_in_the_event() -> None:
    (event,) = events("request")

    assert event["actor"]["user"]["name"] == "nightly"
    assert event["actor"]["session"]["uid"] == "s1"
    assert event["src_endpoint"] == {"ip": "192.0.2.7", "port": 40000}
