from __future__ import annotations

import pytest

from weighlock import rulefile
from weighlock.destination import Credential
from weighlock.errors import ConfigError
from weighlock.policy.destinations import LIFETIME, parse

HEAD = """\
destinations:
  - name: model
    host: llm.example
    dialects: [openai]
"""
JWT = "urn:ietf:params:oauth:token-type:jwt"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
OPENAI = """\
    credential:
      federation:
        provider: openai
        subject_token: file:/run/token
        identity_provider_id: idp_1
        service_account_id: svc_1
"""
ANTHROPIC = """\
    credential:
      federation:
        provider: anthropic
        subject_token: env:CI_TOKEN
        federation_rule_id: fdrl_1
        organization_id: 0a1b
"""
OPENAI_IDS = (("subject_token_type", JWT), ("identity_provider_id", "idp_1"), ("service_account_id", "svc_1"))
OPENAI_URL = "https://auth.openai.com/oauth/token"
ANTHROPIC_IDS = (("federation_rule_id", "fdrl_1"), ("organization_id", "0a1b"))
ANTHROPIC_URL = "https://api.anthropic.com/v1/oauth/token"


def read(more: str) -> Credential | None:
    return parse(rulefile.parse(HEAD + more, "d.yaml"), ["openai"])["llm.example", 443].credential


@pytest.mark.parametrize(
    ("said", "read_as"),
    [
        ("", None),
        ("    credential: none\n", None),
        ("    credential: env:KEY\n", Credential("env", ("KEY",))),
        ("    credential: file:/etc/llm key\n", Credential("file", ("/etc/llm key",))),
        ("    credential: {command: [/bin/key]}\n", Credential("command", ("/bin/key",), LIFETIME)),
        (
            "    credential: {command: [/bin/key, '', -x y], lifetime: 30s}\n",
            Credential("command", ("/bin/key", "", "-x y"), 30.0),
        ),
        (OPENAI, Credential("file", ("/run/token",), 0.0, "openai", OPENAI_URL, OPENAI_IDS)),
        (
            OPENAI + "        subject_token_type: id_token\n        token_url: https://auth.corp.example/t\n",
            Credential(
                "file",
                ("/run/token",),
                0.0,
                "openai",
                "https://auth.corp.example/t",
                (("subject_token_type", ID_TOKEN), *OPENAI_IDS[1:]),
            ),
        ),
        (ANTHROPIC, Credential("env", ("CI_TOKEN",), 0.0, "anthropic", ANTHROPIC_URL, ANTHROPIC_IDS)),
        (
            ANTHROPIC.replace("env:CI_TOKEN", "{command: [/bin/token]}") + "        workspace_id: wrkspc_1\n",
            Credential(
                "command",
                ("/bin/token",),
                0.0,
                "anthropic",
                ANTHROPIC_URL,
                (*ANTHROPIC_IDS, ("workspace_id", "wrkspc_1")),
            ),
        ),
        (
            OPENAI + "        token_url: http://127.0.0.1:8080/oauth/token\n",
            Credential("file", ("/run/token",), 0.0, "openai", "http://127.0.0.1:8080/oauth/token", OPENAI_IDS),
        ),
    ],
)
def test_every_source_can_be_said(said: str, read_as: Credential | None) -> None:
    assert read(said) == read_as


@pytest.mark.parametrize(
    ("said", "place", "words"),
    [
        ("    credential: sk-secret\n", "5:17", "env:NAME"),
        ("    credential: [env:KEY]\n", "5:17", "found a list"),
        ("    credential: {}\n", "5:17", "'command' is missing"),
        ("    credential: {env: KEY}\n", "5:23", "unknown key 'env'"),
        ("    credential: {command: []}\n", "5:27", "whole path"),
        ("    credential: {command: [key]}\n", "5:27", "whole path"),
        ("    credential: {command: /bin/key}\n", "5:27", "expected a list"),
        ("    credential: {command: ['/bin/key', [x]]}\n", "5:40", "found a list"),
        ("    credential: {command: [/bin/key], lifetime: 15}\n", "5:49", "a duration"),
        ("    credential: {command: [/bin/key], lifetime: 0m}\n", "5:49", "a duration"),
        ("    credential: {comand: [/bin/key]}\n", "5:26", "did you mean 'command'"),
        ("    credential: {lifetime: 15m}\n", "5:17", "'command' is missing"),
        ("    credential: {federation: {}, lifetime: 1m}\n", "5:44", "unknown key 'lifetime'"),
        ("    credential: {federation: {}, command: [/x]}\n", "5:43", "unknown key 'command'"),
        ("    credential: {federation: openai}\n", "5:30", "expected a mapping"),
        ("    credential: {federation: {}}\n", "5:30", "'provider' is missing"),
        (OPENAI.replace("openai", "opena"), "7:19", "did you mean 'openai'"),
        (OPENAI.replace("identity_provider_id", "federation_rule_id"), "9:29", "unknown key 'federation_rule_id'"),
        (OPENAI.replace("service_account_id", "service_acount_id"), "10:28", "did you mean 'service_account_id'"),
        (OPENAI.replace("idp_1", "'idp 1'"), "9:31", "is not an id"),
        (OPENAI.replace("file:/run/token", "eyJhbGciOi"), "8:24", "env:NAME"),
        (OPENAI.replace("file:/run/token", "none"), "8:24", "env:NAME"),
        (OPENAI.replace("file:/run/token", "{command: [token]}"), "8:34", "whole path"),
        (OPENAI.replace("file:/run/token", "{command: [/t], lifetime: 1m}"), "8:50", "unknown key 'lifetime'"),
        (OPENAI + "        subject_token_type: jws\n", "11:29", "did you mean 'jwt'"),
        (OPENAI + "        workspace_id: w\n", "11:23", "unknown key 'workspace_id'"),
        (OPENAI + "        token_url: http://auth.corp.example/t\n", "11:20", "an https URL"),
        (OPENAI + "        token_url: https://u:p@auth.corp.example/t\n", "11:20", "an https URL"),
        (OPENAI + "        token_url: http://127.0.0.1.evil.example/t\n", "11:20", "an https URL"),
        (OPENAI + "        token_url: http://localhost@evil.example/t\n", "11:20", "an https URL"),
        (OPENAI + "        token_url: https://auth.corp.example/t?a=b\n", "11:20", "an https URL"),
        (OPENAI + "    credential_header: x-api-key\n", "11:24", "bearer token"),
        (ANTHROPIC.replace("        organization_id: 0a1b\n", ""), "7:9", "'organization_id' is missing"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(said: str, place: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(said)

    assert caught.value.where == f"d.yaml:{place}"
    assert words in caught.value.message


def test_a_header_that_says_the_default_goes_with_federation() -> None:
    assert read(OPENAI + "    credential_header: authorization\n") is not None


def test_a_key_in_place_of_its_source_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        read("    credential: sk-proj-a-key-that-somebody-pasted-here\n")

    assert "pasted" not in str(caught.value)
