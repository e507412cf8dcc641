"""Each platform's preset, with a token's claims as the platform documents them."""

from __future__ import annotations

from typing import Any

import pytest

from weighlock import rulefile
from weighlock.claims import text
from weighlock.errors import ConfigError
from weighlock.identity import claims, issuers
from weighlock.identity.issuers import Issuer
from weighlock.identity.presets import PRESETS

ACTIONS = "https://token.actions.githubusercontent.com"
UUID = "c9035eb6-6eb2-4c85-8a81-d9ed6a1d1d1e"
USER = "4fa85f64-5717-4562-b3fc-2c963f66afa6"


def parsed(**members: Any) -> Issuer:
    lines = [f"    {name}: {value}" for name, value in {"audience": "weighlock", **members}.items()]
    (issuer,) = issuers.parse(rulefile.parse("issuers:\n  -\n" + "\n".join(lines), "i.yaml")).values()
    return issuer


@pytest.mark.parametrize(
    ("members", "url", "jwks"),
    [
        ({"preset": "github"}, ACTIONS, f"{ACTIONS}/.well-known/jwks"),
        ({"preset": "github", "enterprise": "octocat-inc"}, f"{ACTIONS}/octocat-inc", "discover"),
        (
            {"preset": "github", "host": "ghes.example.com"},
            "https://ghes.example.com/_services/token",
            "https://ghes.example.com/_services/token/.well-known/jwks",
        ),
        (
            {"preset": "github", "host": "octocorp.ghe.com"},
            "https://token.actions.octocorp.ghe.com",
            "https://token.actions.octocorp.ghe.com/.well-known/jwks",
        ),
        (
            {"preset": "github", "host": "octocorp.ghe.com", "enterprise": "octocorp"},
            "https://token.actions.octocorp.ghe.com/octocorp",
            "discover",
        ),
        ({"preset": "github", "url": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080", "discover"),
        ({"preset": "gitlab"}, "https://gitlab.com", "https://gitlab.com/oauth/discovery/keys"),
        (
            {"preset": "gitlab", "host": "git.example.com:8443"},
            "https://git.example.com:8443",
            "https://git.example.com:8443/oauth/discovery/keys",
        ),
        (
            {"preset": "gitlab", "url": "https://example.com/gitlab"},
            "https://example.com/gitlab",
            "https://example.com/gitlab/oauth/discovery/keys",
        ),
        ({"preset": "circleci", "organization": UUID}, f"https://oidc.circleci.com/org/{UUID}", "discover"),
        ({"preset": "buildkite"}, "https://agent.buildkite.com", "https://agent.buildkite.com/.well-known/jwks"),
        (
            {"preset": "kubernetes", "url": "https://10.0.0.1:6443/"},
            "https://10.0.0.1:6443/",
            "https://10.0.0.1:6443/openid/v1/jwks",
        ),
        (
            {"preset": "kubernetes", "url": "https://oidc.eks.eu.amazonaws.com/id/A1", "jwks": "discover"},
            "https://oidc.eks.eu.amazonaws.com/id/A1",
            "discover",
        ),
        ({"preset": "oidc", "url": "https://id.example.com/realms/ci"}, "https://id.example.com/realms/ci", "discover"),
        (
            {"preset": "oidc", "url": "https://id.example.com", "jwks": "file:k.json"},
            "https://id.example.com",
            "file:k.json",
        ),
    ],
)
def test_a_preset_knows_where_its_tokens_and_keys_come_from(members: dict[str, str], url: str, jwks: str) -> None:
    issuer = parsed(**members)
    assert (issuer.url, issuer.jwks) == (url, jwks)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"preset": "githib"}, "did you mean 'github'"),
        ({"preset": "github", "organization": UUID}, "'enterprise'"),
        ({"preset": "github", "host": "https://ghes.example.com"}, "is not a host"),
        ({"preset": "github", "host": "ghes.example.com/x"}, "is not a host"),
        ({"preset": "github", "host": "GHES.example.com"}, "is not a host"),
        ({"preset": "github", "enterprise": "a/b"}, "enterprise's slug"),
        ({"preset": "github", "host": "ghes.example.com", "enterprise": "a"}, "is not a host"),
        ({"preset": "gitlab", "enterprise": "a"}, "said by nothing or 'host' or 'url'"),
        ({"preset": "circleci"}, "said by 'organization' or 'url'"),
        ({"preset": "circleci", "organization": "acme"}, "organization's UUID"),
        ({"preset": "kubernetes"}, "said by 'url'"),
        ({"preset": "kubernetes", "url": "http://10.0.0.1"}, "https"),
        ({"preset": "oidc", "url": "http://id.example.com"}, "https"),
        ({"preset": "oidc", "url": "https://id.example.com?x"}, "an issuer's URL"),
        ({"url": "https://id.example.com", "host": "id.example.com", "jwks": "discover"}, "said by 'url'"),
        ({"jwks": "discover"}, "said by 'url'"),
        ({"url": "https://id.example.com"}, "'jwks' is missing"),
        ({"url": "http://id.example.com", "jwks": "discover"}, "https"),
        # What a preset says may be made stricter only.
        ({"preset": "github", "max_lifetime": "1h"}, "live for 15 minutes at most"),
        ({"preset": "gitlab", "max_lifetime": "25h"}, "at most"),
        ({"preset": "github", "algorithms": "[ES256]"}, "never have 'ES256'"),
        ({"preset": "kubernetes", "url": "https://k", "algorithms": "[RS256, EdDSA]"}, "never have 'EdDSA'"),
        ({"preset": "github", "types": "['']"}, "never have ''"),
        ({"preset": "github", "types": "[at+jwt]"}, "never have"),
        ({"preset": "oidc", "url": "https://i", "types": "[logout+jwt]"}, "never have"),
        ({"preset": "github", "types": "[]"}, "at least one"),
        *[
            ({"preset": name, "approver_audience": "approvals", **where}, "would approve themselves")
            for name, where in (("github", {}), ("gitlab", {}), ("kubernetes", {"url": "https://k"}))
        ],
        ({"preset": "github", "ids": "[sub]"}, "unknown key 'ids'"),
        ({"preset": "github", "untrusted": "{}"}, "unknown key"),
    ],
)
def test_what_a_preset_does_not_know_or_allow_is_an_error(members: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parsed(**members)


def test_a_preset_can_be_tightened() -> None:
    issuer = parsed(
        preset="kubernetes", url="https://k", max_lifetime="10m", algorithms="[ES256]", types="['']", required="[jti]"
    )
    assert (issuer.max_lifetime, issuer.algorithms, issuer.types, issuer.required) == (600, ("ES256",), ("",), ("jti",))
    assert parsed(preset="github", required="[actor_id, jti]").required == (*PRESETS["github"].required, "jti")
    assert parsed(preset="oidc", url="https://i", approver_audience="approvals").approver_audience == "approvals"
    assert parsed(preset="gitlab", max_lifetime="3h").max_lifetime == 3 * 3600


def test_an_issuer_without_a_preset_says_everything_itself() -> None:
    issuer = parsed(url="https://i", jwks="discover", algorithms="[EdDSA]", types="[x+jwt]", max_lifetime="30h")
    assert (issuer.algorithms, issuer.types, issuer.max_lifetime) == (("EdDSA",), ("x+jwt",), 30 * 3600)
    assert (issuer.ids, issuer.person, issuer.untrusted, issuer.derived) == ((), (), {}, {})


SAMPLES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "github": (
        {},
        {
            "sub": "repo:octo-org@65/octo-repo@74:environment:prod",
            "repository": "octo-org/octo-repo",
            "repository_id": "74",
            "actor": "octocat",
            "actor_id": "12",
            "event_name": "workflow_dispatch",
        },
    ),
    "gitlab": (
        {},
        {
            "sub": "project_path:my-group/my-project:ref_type:branch:ref:main",
            "project_id": "20",
            "project_path": "my-group/my-project",
            "user_id": "1",
            "pipeline_source": "push",
            "ref_protected": "true",
        },
    ),
    "circleci": (
        {"organization": UUID},
        {
            "sub": f"org/{UUID}/project/{UUID}/user/{USER}/vcs-origin/github.com/octo/user/vcs-ref/refs/heads/main",
            "oidc.circleci.com/project-id": UUID,
            "oidc.circleci.com/context-ids": [UUID],
            "oidc.circleci.com/ssh-rerun": False,
        },
    ),
    "buildkite": (
        {},
        {"sub": "organization:acme:pipeline:app:ref:refs/heads/main:commit:9f:step:", "pipeline_id": UUID},
    ),
    "kubernetes": (
        {"url": "https://kubernetes.default.svc.cluster.local"},
        {
            "sub": "system:serviceaccount:default:builder",
            "kubernetes.io": {
                "namespace": "default",
                "pod": {"name": "p", "uid": USER},
                "serviceaccount": {"name": "builder", "uid": UUID},
            },
        },
    ),
    "oidc": ({"url": "https://id.example.com"}, {"sub": "ci-nightly", "client_id": "ci-nightly"}),
}


@pytest.mark.parametrize("name", PRESETS)
def test_a_documented_token_has_what_its_preset_reads(name: str) -> None:
    where, token = SAMPLES[name]
    issuer = parsed(preset=name, **where)
    read = claims.completed(issuer, token)

    assert all(text(read, claim) for claim in (*issuer.ids, *issuer.person, *issuer.required))
    assert claims.untrusted(issuer, read, {}) == ""
    assert set(issuer.algorithms) <= set(issuers.ALGORITHMS)


def test_the_person_of_a_circleci_job_is_the_user_in_its_subject() -> None:
    issuer = parsed(preset="circleci", organization=UUID)
    for subject, user in (
        (f"org/{UUID}/project/{UUID}/user/{USER}", USER),
        (f"org/{UUID}/project/{UUID}/user/{USER}/vcs-origin/x/user/{UUID}", USER),
        (f"org/{UUID}/project/{UUID}/user/", None),
        (f"org/{UUID}/user/{USER}", None),
    ):
        assert text(claims.completed(issuer, {"sub": subject}), *issuer.person) == user


FROM_OUTSIDE = [
    *[
        ("github", {"event_name": event})
        for event in (
            "pull_request pull_request_target pull_request_review pull_request_review_comment issue_comment issues "
            "discussion discussion_comment fork watch gollum workflow_run"
        ).split()
    ],
    ("github", {"event_name": None}),
    *[
        ("gitlab", {"pipeline_source": source})
        for source in ("merge_request_event", "external_pull_request_event", "parent_pipeline", None)
    ],
    ("circleci", {"oidc.circleci.com/ssh-rerun": True}),
    ("circleci", {"oidc.circleci.com/ssh-rerun": "true"}),
    ("circleci", {"oidc.circleci.com/ssh-rerun": None}),
    ("circleci", {"oidc.circleci.com/vcs-origin": "github.com/mallory/fork"}),
]


@pytest.mark.parametrize(("name", "run"), FROM_OUTSIDE)
def test_a_run_that_a_stranger_can_start_is_told(name: str, run: dict[str, Any]) -> None:
    where, token = SAMPLES[name]
    issuer = parsed(preset=name, **where)
    (claim, value), *_ = run.items()

    assert claims.untrusted(issuer, token | run, {}) == claim
    assert claims.untrusted(issuer, token | run, {"sub": "x", claim: "push"}) == claim
    if value is not None:
        assert claims.untrusted(issuer, token | run, {claim: str(value).replace("True", "true")}) == ""


@pytest.mark.parametrize("event", ["push", "schedule", "workflow_dispatch", "repository_dispatch", "release"])
def test_what_takes_the_right_to_write_is_not_from_outside(event: str) -> None:
    assert claims.untrusted(parsed(preset="github"), {"event_name": event}, {}) == ""
