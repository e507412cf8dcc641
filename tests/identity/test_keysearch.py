from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighlock.errors import Unidentified
from weighlock.identity.carriers import CREDENTIALS, PLACEHOLDER
from weighlock.identity.keysearch import (
    MOST,
    redacted_header,
    redacted_target,
    says_key,
    search,
)
from weighlock.identity.keyshapes import SHAPES, Shape
from weighlock.model import Headers

SECRET = b"k" * 32
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2kifQ.c2lnbmF0dXJl"
FEW = settings(max_examples=15)
"""Examples of one shape: what they differ in is letters, and there are more than a hundred shapes."""
HANDLE = "wls_" + "a1B2" * 10 + "c3D"
OPAQUE = "opaque-token-of-an-issuer"
KEY = "sk-proj-" + "9f8E7d6C5b4A" * 4
ALONE = [shape for shape in SHAPES if shape.alone]
WEAK = [shape for shape in SHAPES if not shape.alone]

names = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=30)
seldom = st.sampled_from(ALONE).flatmap(lambda shape: st.from_regex(shape.pattern, fullmatch=True))
odd = st.text(max_size=200)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ids(shapes: list[Shape]) -> list[str]:
    return [f"{shape.vendor}-{shape.pattern[:12]}" for shape in shapes]


def opaque(value: str) -> bool:
    if value == "ambiguous":
        raise Unidentified("issuer-ambiguous", "Whose?")
    return value == OPAQUE


def values(target: str = "/", headers: Headers = (), tunnel: str | None = None) -> list[str]:
    return [found.value for found in search(target, headers, tunnel, opaque)]


@pytest.mark.parametrize("shape", SHAPES, ids=ids(list(SHAPES)))
def test_every_shape_says_where_it_comes_from(shape: Shape) -> None:
    assert shape.reference.startswith("https://")
    assert shape.vendor == shape.vendor.lower()


CARRIED = {
    "authorization": lambda key: (("Authorization", f"Bearer {key}"),),
    "bare authorization": lambda key: (("Authorization", key),),
    "basic authorization": lambda key: (("Authorization", basic(key, "")),),
    "proxy password": lambda key: (("Proxy-Authorization", basic("oidc", key)),),
    "proxy user": lambda key: (("Proxy-Authorization", basic(key, JWT)),),
    "x-api-key": lambda key: (("X-Api-Key", key),),
    "api-key": lambda key: (("api-key", key),),
    "x-goog-api-key": lambda key: (("x-goog-api-key", key),),
    "x-weighlock-token": lambda key: (("x-weighlock-token", key),),
    "x-portkey-api-key": lambda key: (("x-portkey-api-key", key),),
    "openai-api-key": lambda key: (("OpenAI-API-Key", key),),
    "helicone-auth": lambda key: (("Helicone-Auth", f"Bearer {key}"),),
    "subscription": lambda key: (("Ocp-Apim-Subscription-Key", key),),
}
ANYWHERE = {
    "cookie": lambda key: (("cookie", f"theme=dark; sid={key}; x=y"),),
    "any header": lambda key: (("x-request-note", key),),
    "a header among words": lambda key: (("x-note", f'use "{key}", please'),),
    "signature": lambda key: (("authorization", f"AWS4-HMAC-SHA256 Credential={key}/20260101/eu/s, Signature=ab"),),
}


def some(shape: Shape) -> st.SearchStrategy[str]:
    return st.from_regex(shape.pattern, fullmatch=True)


@pytest.mark.parametrize("shape", SHAPES, ids=ids(list(SHAPES)))
@FEW
@given(data=st.data())
def test_a_key_of_each_shape_is_found_in_each_carrier(shape: Shape, data: st.DataObject) -> None:
    key = data.draw(some(shape))

    for place, fields in CARRIED.items():
        assert values(headers=fields(key))[:1] == [key], place


@pytest.mark.parametrize("shape", ALONE, ids=ids(ALONE))
@FEW
@given(data=st.data())
def test_a_key_that_is_told_by_its_shape_is_found_anywhere(shape: Shape, data: st.DataObject) -> None:
    key = data.draw(some(shape))

    for place, fields in ANYWHERE.items():
        found = values(headers=fields(key))
        assert found, place
        assert found[0].startswith(key), place


@given(name=names, value=seldom)
def test_a_value_of_a_known_shape_is_found_under_any_name(name: str, value: str) -> None:
    assert values(headers=((name, value),)) == [value]
    assert values(target=f"/v1/models?{name}={value}&a=b") == [value]
    assert values(target=f"/v1/models?{value}=b") == [value]
    assert values(headers=((value, "b"),)) == [value]
    assert value not in redacted_header(value, "b", SECRET)[0]


@given(value=seldom)
def test_it_is_found_percent_encoded_and_in_the_path(value: str) -> None:
    coded = "".join(f"%{ord(char):02x}" for char in value)

    assert values(target=f"/v1/models?q={coded}") == [value]
    assert values(target=f"/v1/models?{coded}") == [value]
    assert values(target=f"/v1/models/{coded}") == [value]


@pytest.mark.parametrize(
    "name", ["key", "api_key", "apiKey", "access_token", "client-secret", "password", "token", "sig"]
)
def test_whatever_stands_under_a_name_that_says_key_is_one(name: str) -> None:
    assert values(target=f"/v1/models?{name}=hunter2") == ["hunter2"]
    assert values(headers=((name, "hunter2"),)) == ["hunter2"]
    assert values(headers=(("cookie", f"{name}=hunter2"),)) == ["hunter2"]


@pytest.mark.parametrize(
    "value", ["", PLACEHOLDER, f"Bearer {PLACEHOLDER}", JWT, f"Bearer {JWT}", HANDLE, OPAQUE, "ambiguous"]
)
@pytest.mark.parametrize("name", ["x-portkey-api-key", "helicone-auth", "token"])
def test_a_token_the_placeholder_and_nothing_are_no_keys(name: str, value: str) -> None:
    assert values(headers=((name, value),)) == []


def test_tokens_and_malformed_fields_are_left_to_their_carriers() -> None:
    headers = (("authorization", f"Bearer {JWT}"), ("x-api-key", PLACEHOLDER), ("proxy-authorization", "Digest x y"))

    assert values(headers=headers, tunnel=basic("oidc", JWT)) == []
    assert values(headers=(("x-api-key", OPAQUE), ("api-key", "ambiguous")), tunnel=basic("oidc", OPAQUE)) == []


ORDINARY: dict[str, Headers] = {
    "openai": (
        ("host", "api.openai.com"),
        ("user-agent", "OpenAI/Python 3.54.0"),
        ("x-stainless-lang", "python"),
        ("x-stainless-package-version", "3.54.0"),
        ("x-stainless-os", "Linux"),
        ("x-stainless-arch", "x64"),
        ("x-stainless-runtime", "CPython"),
        ("x-stainless-async", "false"),
        ("x-stainless-retry-count", "0"),
        ("x-stainless-read-timeout", "600"),
        ("x-stainless-raw-response", "true"),
        ("openai-organization", "org-9f8E7d6C5b4A39281706F5e4"),
        ("openai-project", "proj_9f8E7d6C5b4A39281706F5e4"),
        ("openai-beta", "assistants=v2"),
        ("idempotency-key", "stainless-python-retry-0c2a4b86-9a3e-4a3c-8a69-5d3d0a3a8a11"),
        ("x-client-request-id", "0c2a4b86-9a3e-4a3c-8a69-5d3d0a3a8a11"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("content-length", "123"),
        ("content-type", "application/json"),
    ),
    "anthropic": (
        ("user-agent", "Anthropic/Python 2.12.0"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "prompt-caching-2024-07-31,token-counting-2024-11-01"),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("x-stainless-helper-method", "stream"),
        ("x-app", "cli"),
    ),
    "gemini": (("x-goog-api-client", "google-genai-sdk/1.2.0 gl-python/3.13.0"), ("x-goog-user-project", "acme-ci")),
    "aws": (
        ("x-amz-date", "20260101T120000Z"),
        ("x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("amz-sdk-invocation-id", "0c2a4b86-9a3e-4a3c-8a69-5d3d0a3a8a11"),
    ),
    "tracing": (
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        ("x-b3-traceid", "80f198ee56343ba864fe8b2a57d3eff7"),
        ("x-request-id", "80f198ee56343ba864fe8b2a57d3eff7"),
        ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793"),
        ("x-cloud-trace-context", "105445aa7843bc8bf206b12000100000/1;o=1"),
        ("x-datadog-trace-id", "1234567890123456789"),
        ("sentry-trace", "80f198ee56343ba864fe8b2a57d3eff7-b7ad6b7169203331-1"),
        ("baggage", "sentry-public_key=80f198ee56343ba864fe8b2a57d3eff7,sentry-environment=ci"),
        ("etag", '"33a64df551425fcc55e4d42a148795d9f25f89d4"'),
        ("if-none-match", 'W/"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"'),
        ("x-commit", "33a64df551425fcc55e4d42a148795d9f25f89d4"),
    ),
    "browsers": (
        ("cookie", "theme=dark; __cf_bm=h.Q2hlY2s-1767268800-1.0.1.1-aBcD_ef; _cfuvid=x.y-1-0.0.1.1-604800000"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-fetch-mode", "cors"),
        ("x-csrf-token", "80f198ee56343ba864fe8b2a57d3eff7"),
        ("referer", "https://example.com/risk-management?task-id=ask-me-anything-about-the-task-at-hand"),
    ),
}
QUERIES = [
    "api-version=2024-10-21",
    "alt=sse",
    "limit=20&after=file-9f8E7d6C5b4A39281706F5e4&order=desc",
    "pageSize=50&pageToken=CgwIgL7mrgYQ4NDm2AESBm1vZGVscw",
    "beta=true",
    "include[]=step_details.tool_calls[*].file_search.results[*].content",
    "purpose=batch&max_tokens=100&max_completion_tokens=9",
    "continuation_token=80f198ee56343ba864fe8b2a57d3eff7",
    "start_time=1730419200&bucket_width=1d&group_by=api_key_id",
    "trace=80f198ee56343ba864fe8b2a57d3eff7&sha=33a64df551425fcc55e4d42a148795d9f25f89d4",
    "",
]
PATHS = [
    "/v1/chat/completions",
    "/v1/messages/count_tokens",
    "/v1beta/models/gemini-2.5-pro:countTokens",
    "/openai/deployments/task-sk-summaries/chat/completions",
    "/v1/files/file-9f8E7d6C5b4A39281706F5e4/content",
    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic/invoke",
]


@pytest.mark.parametrize("kind", ORDINARY)
def test_ordinary_header_fields_hold_no_key(kind: str) -> None:
    assert values(headers=ORDINARY[kind]) == []


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", PATHS)
def test_ordinary_targets_hold_no_key(path: str, query: str) -> None:
    assert values(target=f"{path}?{query}") == []


@given(value=st.from_regex(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[A-Za-z0-9]{32}", fullmatch=True))
def test_what_may_be_a_trace_id_is_a_key_only_where_a_key_belongs(value: str) -> None:
    assert values(target=f"/?q={value}", headers=(("x-trace-id", value), ("etag", f'"{value}"'))) == []
    assert values(headers=(("x-some-api-key", value),)) == [value]


@given(st.binary(min_size=20, max_size=300), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_nothing_in_a_token_is_a_key(data: bytes, coded: object) -> None:
    segment = coded(data).decode()  # type: ignore[operator]

    assert values(headers=(("x-note", f"eyJ{segment}.{segment}.{segment}"), ("x-blob-bin", f"AA{segment}"))) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("key", True),
        ("KEY", True),
        ("X-Portkey-API-Key", True),
        ("apikey", True),
        ("XApiKey2", True),
        ("helicone-auth", True),
        ("__Secure-next-auth.session-token", True),
        ("monkey", False),
        ("max_tokens", False),
        ("pageToken", False),
        ("idempotency-key", False),
        ("key_id", False),
        ("author", False),
        ("", False),
    ],
)
def test_a_name_says_key_by_its_last_word(name: str, says: bool) -> None:
    assert says_key(name) is says


def test_each_key_is_told_once_and_there_is_an_end_to_it() -> None:
    headers = tuple((f"x-{n}", f"{KEY}{n}") for n in range(2 * MOST))

    assert values(headers=(("x-api-key", KEY), ("x-note", KEY)), target=f"/?key={KEY}") == [KEY]
    assert len(values(headers=headers)) == MOST


@given(target=odd, headers=st.lists(st.tuples(odd, odd), max_size=5), tunnel=odd)
def test_a_search_takes_whatever_comes(target: str, headers: list[tuple[str, str]], tunnel: str) -> None:
    search(target, tuple(headers), tunnel, opaque)
    redacted_target(target, SECRET)
    for name, value in headers:
        redacted_header(name, value, SECRET)


# -- what the record holds in its place -----------------------------------------------------------------------------


@given(name=names, value=seldom)
def test_the_record_holds_no_key_under_any_name(name: str, value: str) -> None:
    coded = "".join(f"%{ord(char):02x}" for char in value)

    assert value not in redacted_header(name, f"a {value}, b", SECRET)[1]
    assert value not in redacted_header(name, basic("x", value), SECRET)[1]
    for target in (f"/{value}?{name}={value}&{value}", f"/v1/{coded}", f"/?{name}={coded}", f"/?a=b&{coded}"):
        said = redacted_target(target, SECRET)
        assert value not in said
        assert coded not in said


@pytest.mark.parametrize("credential", [KEY, JWT, HANDLE, basic("oidc", KEY).partition(" ")[2]])
@pytest.mark.parametrize("name", [*sorted(CREDENTIALS), "x-portkey-api-key", "x-amz-security-token"])
def test_the_record_holds_nothing_of_a_credentials_own_field(name: str, credential: str) -> None:
    assert credential not in redacted_header(name, f"Bearer {credential}", SECRET)[1]
    assert credential not in redacted_header(name, credential, SECRET)[1]


def test_a_token_is_held_nowhere_either() -> None:
    assert JWT not in redacted_header("x-note", f"see {JWT}", SECRET)[1]
    assert JWT not in redacted_target(f"/a/{JWT}?q={JWT}&id_token={JWT}", SECRET)
    assert "abc" not in redacted_target("/?X-Amz-Signature=abc", SECRET)


@pytest.mark.parametrize("kind", ORDINARY)
def test_ordinary_fields_are_recorded_as_they_came(kind: str) -> None:
    for name, value in ORDINARY[kind]:
        assert name in CREDENTIALS or redacted_header(name, value, SECRET) == (name, value)


@pytest.mark.parametrize("query", QUERIES)
def test_ordinary_targets_are_recorded_as_they_came(query: str) -> None:
    assert [redacted_target(f"{path}?{query}", SECRET) for path in PATHS] == [f"{path}?{query}" for path in PATHS]


def test_what_stands_around_a_key_stays() -> None:
    assert redacted_target(f"/v1/models?a=b&key={KEY}&c=d%20e", SECRET).startswith("/v1/models?a=b&key=[openai ")
    assert redacted_target(f"/v1/models?key={KEY}&c=d%20e", SECRET).endswith("]&c=d%20e")
    assert "\r" not in redacted_header("x-note", f"%0d%0a{KEY}", SECRET)[1]
