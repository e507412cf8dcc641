"""The platforms that pipelines run on, as data: where their tokens come from, and what those say.

An issuer that names a preset takes all of it, and may only tighten its terms. Each was read in the platform's own
documentation, which is linked with it, and compared with how others bind these tokens:
https://github.com/sigstore/fulcio/blob/main/config/identity/config.yaml,
https://docs.pypi.org/trusted-publishers/, https://openbao.org/docs/auth/jwt/oidc-providers/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ANY = "*"
"""Stands for every value of a claim, where the claim is there at all."""
DISCOVER = "discover"
"""In place of a JWKS: where the issuer's own metadata says (OpenID Connect Discovery 1.0)."""
DISCOVER_SSF = "discover-ssf"
"""The same for a transmitter of shared signals (SSF 1.0, section 7)."""

URL = r"https?://[^\s?#]{1,250}"
_HOST = r"[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?"
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SLUG = r"[A-Za-z0-9][A-Za-z0-9-]{0,99}"
_HOUR, _DAY = 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Place:
    """One way to say where a platform is: exactly these *members*, each with the pattern that it fully matches.

    *url* is made from them, and *jwks* from the URL.
    """

    members: Mapping[str, str]
    url: str
    jwks: str = DISCOVER


@dataclass(frozen=True, slots=True)
class Preset:
    """Times are seconds. A claim's name as in `claims`."""

    places: tuple[Place, ...]
    """The first that fits is taken."""
    ids: tuple[str, ...] = ()
    """Ids that the platform never gives again: a workload names at least one. Empty for any claim."""
    person: tuple[str, ...] = ()
    """Who is behind the run."""
    untrusted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By claim, the values of runs that somebody from outside can start; see `claims.untrusted`."""
    required: tuple[str, ...] = ()
    derived: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Claims that stand inside others: the other's name, and a pattern over it whose group 1 is the value."""
    algorithms: tuple[str, ...] = ("RS256",)
    types: tuple[str, ...] = ("jwt",)
    max_lifetime: float = _HOUR
    """Unless the issuer says otherwise."""
    longest: float = _HOUR
    """The most that it may say."""


_GIVEN = Place({"url": URL}, "{url}")

PRESETS: Mapping[str, Preset] = {
    # https://docs.github.com/en/actions/reference/security/oidc (also for enterprise-cloud and enterprise-server)
    # https://docs.github.com/en/rest/actions/oidc for the enterprise's own issuer
    # https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
    # A token lives for five minutes: https://github.com/google-github-actions/auth/issues/474. `actor` and `sub` are
    # names, which others can register later; since July 2026 `sub` of new repositories has ids in it as well.
    # Nobody from outside can push, dispatch or schedule. A wiki may be open to all (gollum), and what a pull request
    # ran can start another workflow (workflow_run).
    "github": Preset(
        places=(
            Place({}, "https://token.actions.githubusercontent.com", "{url}/.well-known/jwks"),
            Place({"enterprise": _SLUG}, "https://token.actions.githubusercontent.com/{enterprise}"),
            Place({"host": r"[a-z0-9-]+\.ghe\.com"}, "https://token.actions.{host}", "{url}/.well-known/jwks"),
            Place({"host": r"[a-z0-9-]+\.ghe\.com", "enterprise": _SLUG}, "https://token.actions.{host}/{enterprise}"),
            Place({"host": _HOST}, "https://{host}/_services/token", "{url}/.well-known/jwks"),
            _GIVEN,
        ),
        ids=("repository_id",),
        person=("actor_id",),
        untrusted={
            "event_name": frozenset(
                "pull_request pull_request_target pull_request_review pull_request_review_comment issue_comment "
                "issues discussion discussion_comment fork watch gollum workflow_run".split()
            )
        },
        required=("repository_id", "actor_id", "event_name"),
        max_lifetime=900.0,
        longest=900.0,
    ),
    # https://docs.gitlab.com/ci/secrets/id_token_authentication/
    # https://docs.gitlab.com/ci/jobs/job_rules/#ci_pipeline_source-predefined-variable
    # A token lives as long as its job may run, or five minutes. Of a merge request from a fork, `project_id` is the
    # fork's since 18.2.2 (https://gitlab.com/gitlab-org/gitlab/-/issues/561735), and the parent's before; the newer
    # `job_project_id` is the parent's always, and so no id to go by. A child pipeline of a merge request's pipeline
    # only says that it has a parent.
    "gitlab": Preset(
        places=(
            Place({}, "https://gitlab.com", "{url}/oauth/discovery/keys"),
            Place({"host": _HOST}, "https://{host}", "{url}/oauth/discovery/keys"),
            Place({"url": URL}, "{url}", "{url}/oauth/discovery/keys"),
        ),
        ids=("project_id",),
        person=("user_id",),
        untrusted={
            "pipeline_source": frozenset({"merge_request_event", "external_pull_request_event", "parent_pipeline"})
        },
        required=("project_id", "user_id", "pipeline_source"),
        longest=_DAY,
    ),
    # https://circleci.com/docs/guides/permissions-authentication/openid-connect-tokens/
    # https://circleci.com/docs/guides/permissions-authentication/oidc-tokens-with-custom-claims/ for the audience
    # A token lives for an hour. Who can rerun a job with SSH can read its token. Builds of forks get tokens where the
    # project says so; only `vcs-origin` tells them, so a workload names it (runs of custom webhooks have none).
    # The documentation does not say whether there is a `typ`.
    "circleci": Preset(
        places=(Place({"organization": _UUID}, "https://oidc.circleci.com/org/{organization}"), _GIVEN),
        ids=("oidc.circleci.com/project-id",),
        person=("sub/user",),
        untrusted={
            "oidc.circleci.com/ssh-rerun": frozenset({"true"}),
            "oidc.circleci.com/vcs-origin": frozenset({ANY}),
        },
        required=("oidc.circleci.com/project-id",),
        derived={"sub/user": ("sub", rf"org/[^/]+/project/[^/]+/user/({_UUID})(?:/.*)?")},
        types=("", "jwt"),
    ),
    # https://buildkite.com/docs/agent/cli/reference/oidc
    # One issuer for all organizations. `pipeline_id` is there when it is asked for: `--claim pipeline_id`. The header
    # has no `typ` (https://github.com/rubygems/rubygems.org/issues/5412). No claim is a person, and none tells a build
    # of a fork: leave "Build pull requests from third-party forked repositories" off.
    "buildkite": Preset(
        places=(Place({}, "https://agent.buildkite.com", "{url}/.well-known/jwks"), _GIVEN),
        ids=("pipeline_id",),
        required=("pipeline_id",),
        types=("", "jwt"),
        max_lifetime=900.0,
    ),
    # https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#serviceaccount-token-volume-projection
    # https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#schema-for-service-account-private-claims
    # `sub` is namespace and name, which a service account made later can have again. The API server writes no `typ`,
    # an external signer does (KEP-740). EKS and GKE keep the keys elsewhere: `jwks: discover`.
    "kubernetes": Preset(
        places=(Place({"url": URL}, "{url}", "{url}/openid/v1/jwks"),),
        ids=("/kubernetes.io/serviceaccount/uid",),
        algorithms=("RS256", "ES256"),
        types=("", "jwt"),
        longest=_DAY,
    ),
    # https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig, and RFC 9068 for access tokens
    "oidc": Preset(
        places=(_GIVEN,), algorithms=("RS256", "PS256", "ES256", "EdDSA"), types=("jwt", "at+jwt"), longest=_DAY
    ),
}
