"""Tokens as platforms write them, through the real gateway: by ids, never by names, and not of strangers' runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from clients import RULES_ALONE, ask
from demo.gateway import Gateway
from demo.issuer import AUDIENCE, DemoIssuer
from demo.model_host import ModelHost

# docs.github.com, "OpenID Connect reference": the claims of a scheduled run.
GITHUB: dict[str, Any] = {
    "sub": "repo:acme@1/nightly@74:ref:refs/heads/main",
    "repository": "acme/nightly",
    "repository_id": "74",
    "repository_owner": "acme",
    "repository_owner_id": "65",
    "repository_visibility": "private",
    "actor": "casey",
    "actor_id": "12",
    "event_name": "schedule",
    "ref": "refs/heads/main",
    "ref_type": "branch",
    "job_workflow_ref": "acme/nightly/.github/workflows/nightly.yml@refs/heads/main",
    "runner_environment": "github-hosted",
    "run_id": "21",
}
# docs.gitlab.com, "OpenID Connect (OIDC) Authentication Using ID Tokens": token payload.
GITLAB: dict[str, Any] = {
    "sub": "project_path:acme/nightly:ref_type:branch:ref:main",
    "namespace_id": "72",
    "project_id": "20",
    "project_path": "acme/nightly",
    "user_id": "1",
    "user_login": "casey",
    "user_email": "casey@example.com",
    "pipeline_id": "574",
    "pipeline_source": "schedule",
    "ref": "main",
    "ref_type": "branch",
    "ref_protected": "true",
}
# kubernetes.io, "Managing Service Accounts": schema for service account private claims. No `typ` in the header.
KUBERNETES: dict[str, Any] = {
    "sub": "system:serviceaccount:jobs:nightly",
    "nbf": None,
    "kubernetes.io": {
        "namespace": "jobs",
        "pod": {"name": "nightly-1", "uid": "eccad4ff"},
        "serviceaccount": {"name": "nightly", "uid": "14ee3fa4"},
    },
}
CLAIMS = {"github": GITHUB, "gitlab": GITLAB, "kubernetes": KUBERNETES}
IDS = {
    "github": '{repository_id: "74"}',
    "gitlab": '{project_id: "20"}',
    "kubernetes": "{/kubernetes.io/serviceaccount/uid: 14ee3fa4}",
}


@dataclass
class Platforms:
    gateway: Gateway
    issuers: dict[str, DemoIssuer]

    def refusal(self, name: str, headers: dict[str, Any] | None = None, **change: Any) -> str:
        """The code of the refusal of a token of this platform; empty where the call passed."""
        claims: dict[str, Any] = {"lifetime": 300} | CLAIMS[name] | change
        answer = ask(self.gateway, "hello", self.issuers[name].mint(headers=headers, **claims))
        return "" if answer.status_code == 200 else str(answer.json()["error"]["code"])


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, host: ModelHost) -> Iterator[Platforms]:
    """A gateway that believes one issuer as each platform."""
    with contextlib.ExitStack() as stack:
        issuers = {name: DemoIssuer() for name in CLAIMS}
        for one in issuers.values():
            stack.callback(one.stop)
        gateway = Gateway(tmp_path_factory.mktemp("platforms"), issuer, host, options=RULES_ALONE)
        identity = gateway.rules / "identity"
        (identity / "issuers.yaml").write_text(
            "issuers:\n"
            + "".join(
                f"  - {{preset: {name}, url: '{one.url}', jwks: '{one.jwks_url}', audience: {AUDIENCE}}}\n"
                for name, one in issuers.items()
            )
        )
        (identity / "people.yaml").write_text("people:\n  - {id: dana, emails: [dana@example.com]}\n")
        (identity / "workloads.yaml").write_text(
            "workloads:\n"
            + "".join(
                f"  - {{id: {name}, owner: dana, issuer: '{one.url}', claims: {IDS[name]}, review: 2099-12-31}}\n"
                for name, one in issuers.items()
            )
        )
        yield Platforms(stack.enter_context(gateway), issuers)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_scheduled_run_passes_whatever_its_names_have_become(platforms: Platforms, name: str) -> None:
    assert platforms.refusal(name) == ""
    assert platforms.refusal(name, sub="repo:acme/nightly:ref:refs/heads/main") == ""
    assert platforms.refusal(name, repository="acme/renamed", project_path="acme/renamed") == ""
    assert platforms.refusal(name, aud="https://github.com/acme") == "audience-wrong"


@pytest.mark.parametrize(
    ("name", "change", "refusal"),
    [
        ("github", {"repository_id": "75"}, "workload-unknown"),  # the name, registered again by somebody else
        ("github", {"event_name": "pull_request"}, "run-untrusted"),
        ("github", {"event_name": "pull_request_target"}, "run-untrusted"),
        ("github", {"event_name": "workflow_run"}, "run-untrusted"),
        ("github", {"event_name": None}, "claim-missing"),
        ("github", {"actor_id": None}, "claim-missing"),
        ("github", {"lifetime": 3600}, "lifetime-too-long"),
        ("gitlab", {"project_id": "21"}, "workload-unknown"),  # a fork's pipeline
        ("gitlab", {"pipeline_source": "merge_request_event"}, "run-untrusted"),
        ("gitlab", {"pipeline_source": "external_pull_request_event"}, "run-untrusted"),
        ("gitlab", {"pipeline_source": None}, "claim-missing"),
        ("kubernetes", {"kubernetes.io": {"serviceaccount": {"name": "nightly", "uid": "99ff"}}}, "workload-unknown"),
    ],
)
def test_what_a_platform_never_says_of_the_run_that_is_registered(
    platforms: Platforms, name: str, change: dict[str, Any], refusal: str
) -> None:
    assert platforms.refusal(name, **change) == refusal


def test_a_cluster_writes_no_type_and_a_runner_does(platforms: Platforms) -> None:
    assert platforms.refusal("kubernetes", headers={"typ": ""}) == ""
    assert platforms.refusal("github", headers={"typ": ""}) == "type-refused"
