"""A pipeline's token, once, for a handle that lives as long as its job."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients import ENDPOINT, FORM, ask, client, exchange, handle, until_refused
from demo.gateway import Gateway
from demo.model_host import ModelHost

Make = Callable[..., Gateway]


def entries(gateway: Gateway) -> list[dict[str, Any]]:
    return list(json.loads(gateway.weighlock("ledger", "show", "--json", "--limit", "1000").stdout))


def test_a_token_is_exchanged_for_a_handle_that_works_for_the_job(gateway: Gateway, host: ModelHost) -> None:
    answer = exchange(gateway, gateway.token())
    said = answer.json()

    assert said | {"access_token": "", "session": ""} == {
        "access_token": "",
        "session": "",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    assert answer.headers["cache-control"] == "no-store"
    seen = len(host.received)
    assert [ask(gateway, "hello", said["access_token"]).status_code for _ in range(3)] == [200] * 3
    assert host.received[seen:].count(b"POST ") == 3
    assert said["access_token"].encode() not in host.received
    who = [entry["body"]["who"] for entry in entries(gateway) if entry["body"].get("who", {}).get("session")]
    assert {one["session"] for one in who} >= {said["session"]}


def test_the_handle_and_the_token_are_nowhere_kept(make: Make) -> None:
    with make() as gateway:
        token, bad = gateway.token(), gateway.token(aud="other")
        held = exchange(gateway, token).json()["access_token"]
        assert exchange(gateway, bad).status_code == 401
        assert ask(gateway, "hello", held).status_code == 200
    kept = b"".join(file.read_bytes() for file in gateway.state.rglob("*") if file.is_file())
    assert kept
    for secret in (token, bad, held):
        assert secret not in gateway.output
        assert secret.encode() not in kept
    auditor = gateway.folder / "flows"
    assert gateway.weighlock("replay", "export", "--output", str(auditor), "--view", "client").returncode == 0
    opened = auditor.read_bytes()
    assert b"hello" in opened
    for secret in (token, bad, held):
        assert secret.encode() not in opened


def test_a_token_is_exchanged_once(gateway: Gateway) -> None:
    token = gateway.token()

    assert exchange(gateway, token).status_code == 200
    again = exchange(gateway, token)
    assert (again.status_code, again.json()["error"], again.json()["code"]) == (401, "invalid_grant", "token-exchanged")


def test_two_tokens_with_one_jti_open_one_session(gateway: Gateway) -> None:
    first, second = gateway.token(jti="the-same"), gateway.token(jti="the-same", lifetime=700)

    assert first != second
    assert [exchange(gateway, token).status_code for token in (first, second)] == [200, 401]


@pytest.mark.parametrize(
    ("given", "status", "error", "code"),
    [
        ({"subject_token": "x"}, 401, "invalid_grant", "static-key"),
        ({"subject_token": ""}, 400, "invalid_request", "token-exchange"),
        ({"subject_token_type": "urn:other"}, 400, "invalid_request", "token-exchange"),
        ({"grant_type": "client_credentials"}, 400, "invalid_request", "token-exchange"),
        ({"actor_token": "x"}, 400, "invalid_request", "token-exchange"),
        ({"requested_token_type": "urn:other"}, 400, "invalid_request", "token-exchange"),
        ({"subject_token": ["a.b.c", "a.b.c"]}, 400, "invalid_request", "token-exchange"),
    ],
)
def test_any_other_request_is_refused_as_oauth_says(
    gateway: Gateway, given: dict[str, Any], status: int, error: str, code: str
) -> None:
    answer = exchange(gateway, gateway.token(), **given)

    assert (answer.status_code, answer.json()["error"], answer.json()["code"]) == (status, error, code)
    assert answer.json()["error_description"].startswith("weighlock: ")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "other"}, "audience-wrong"),
        ({"exp": 1}, "token-expired"),
        ({"project_id": 8}, "workload-unknown"),
        ({"iss": "https://evil.example"}, "issuer-unknown"),
    ],
)
def test_a_token_that_is_no_identity_opens_nothing(gateway: Gateway, claims: dict[str, Any], code: str) -> None:
    answer = exchange(gateway, gateway.token(**claims))

    assert answer.json()["code"] == code
    assert "access_token" not in answer.json()


def test_the_endpoint_answers_nothing_else_and_nobody_else_owns_its_name(gateway: Gateway) -> None:
    with client(gateway, "") as http:
        assert http.get(ENDPOINT).json()["code"] == "endpoint-unknown"
        assert http.post("https://weighlock.internal/v1/chat/completions").json()["code"] == "endpoint-unknown"
        assert http.post(f"{ENDPOINT}?a=b", data=FORM).json()["code"] == "endpoint-unknown"
        assert http.post(ENDPOINT, json=FORM).json()["code"] == "token-exchange"
        with pytest.raises(httpx.ProxyError, match="destination-unlisted"):
            http.post("https://weighlock.internal:8443/token")


def test_a_session_opens_no_other(gateway: Gateway) -> None:
    assert exchange(gateway, handle(gateway)).json()["code"] == "session-not-renewable"


def test_an_unknown_handle_is_refused(gateway: Gateway) -> None:
    assert ask(gateway, "hello", "wls_" + "A" * 43).json()["error"]["code"] == "session-unknown"


def test_a_session_outlives_its_token_and_a_restart_and_not_its_workload(make: Make) -> None:
    with make() as gateway:
        held = handle(gateway, lifetime=1)
        assert ask(gateway, "hello", gateway.token(exp=1)).status_code == 401
        assert ask(gateway, "hello", held).status_code == 200
    with make() as gateway:
        assert ask(gateway, "hello", held).status_code == 200
        workloads = gateway.rules / "identity" / "workloads.yaml"
        workloads.write_text(workloads.read_text().replace("id: nightly", "id: other"))
        assert until_refused(gateway, held)[1] == "workload-changed"


def test_a_cut_off_session_is_dead_at_once_and_others_live(make: Make) -> None:
    with make() as gateway:
        first, second = exchange(gateway, gateway.token()).json(), handle(gateway)
        cut = gateway.weighlock("cutoffs", "add", "session", first["session"], "--reason", "leaked")
        assert cut.returncode == 0, cut.stderr
        assert until_refused(gateway, first["access_token"])[1] == "cut-off"
        assert ask(gateway, "hello", second).status_code == 200


# -- weighlock login -----------------------------------------------------------------------------------------------


def login(gateway: Gateway, *more: str, **env: str) -> tuple[int, str, str]:
    url = f"http://127.0.0.1:{gateway.port}"
    done = gateway.weighlock("login", "--gateway", url, "--ca", str(gateway.ca), *more, env=env)
    return done.returncode, done.stdout, done.stderr


def test_login_prints_the_line_that_a_pipeline_needs(gateway: Gateway) -> None:
    code, line, errors = login(gateway, WEIGHLOCK_TOKEN=gateway.token())

    assert (code, errors) == (0, "")
    name, _, proxy = line.strip().partition("=")
    assert name == "HTTPS_PROXY"
    trust = ssl.create_default_context(cafile=str(gateway.ca))
    with httpx.Client(proxy=proxy, verify=trust, trust_env=False) as http:
        body = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}
        assert http.post(f"{gateway.url}/chat/completions", json=body).status_code == 200


def test_login_takes_the_token_from_a_file_and_prints_json(gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(gateway.token() + "\n")

    code, said, _ = login(gateway, "--json", "--token-file", str(file))

    assert code == 0
    assert json.loads(said)["expires_in"] == 3600


def test_login_asks_github_for_a_token_and_hides_the_handle_in_its_log(gateway: Gateway) -> None:
    asked: list[tuple[str, str | None]] = []

    class Platform(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["authorization"]))
            body = json.dumps({"value": gateway.token()}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Platform) as platform:
        threading.Thread(target=platform.serve_forever, args=[0.01], daemon=True).start()
        env = {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{platform.server_port}/t?v=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job",
        }
        code, line, errors = login(gateway, **env)
        platform.shutdown()

    assert code == 0
    assert asked == [("/t?v=1&audience=weighlock", "Bearer job")]
    assert errors.strip() == "::add-mask::" + line.partition("session:")[2].partition("@")[0]


def test_login_says_in_a_line_what_is_wrong(gateway: Gateway) -> None:
    token = gateway.token()

    assert login(gateway)[0] == 2
    assert login(gateway, WEIGHLOCK_TOKEN=gateway.token(aud="other"))[::2] == (
        1,
        "weighlock: The token is not for 'weighlock'. [audience-wrong]\n",
    )
    untrusted = gateway.weighlock(
        "login", "--gateway", f"http://127.0.0.1:{gateway.port}", env={"WEIGHLOCK_TOKEN": token}
    )
    assert (untrusted.returncode, untrusted.stderr) == (
        1,
        "weighlock: the gateway's certificate is not trusted; name its CA with --ca\n",
    )
    nobody = gateway.weighlock("login", "--gateway", "http://127.0.0.1:9", env={"WEIGHLOCK_TOKEN": token})
    assert (nobody.returncode, nobody.stderr) == (
        1,
        "weighlock: no gateway answers at 127.0.0.1:9 (ConnectionRefusedError)\n",
    )
    assert gateway.weighlock("login", "--gateway", "10.0.0.5:8080", env={"WEIGHLOCK_TOKEN": token}).returncode == 2


def test_the_curl_of_the_readme_opens_a_session(gateway: Gateway) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    (command,) = re.findall(r"^curl [^`]*weighlock\.internal[^`]*(?=^```)", readme, re.MULTILINE)
    env = {"TOKEN": gateway.token(), "CURL_CA_BUNDLE": str(gateway.ca), "PATH": os.environ["PATH"]}
    here = command.replace("http://10.0.0.5:8080", f"http://127.0.0.1:{gateway.port}")

    said = subprocess.run(["sh", "-c", here], env=env, capture_output=True, text=True, check=True, timeout=60)

    assert json.loads(said.stdout)["access_token"].startswith("wls_")
