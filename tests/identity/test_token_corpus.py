"""Every adversarial token is refused, each for its own reason."""

from __future__ import annotations

import re
from typing import Any

import pytest

from corpus import CORPUS, KEYS
from corpus.forging import T, header, hmac_under, not_canonical
from jwts import a_token, an_issuer, key_pair, verified
from weighlock.errors import Unidentified
from weighlock.identity.faults import FAULTS

STRICT = an_issuer(required=("repository_id",))


def refusal(raw: str, **given: Any) -> Unidentified:
    with pytest.raises(Unidentified) as caught:
        verified(raw, **{"keys": KEYS, "issuer": STRICT} | given)
    return caught.value


@pytest.mark.parametrize("name", CORPUS)
def test_a_bad_token_is_refused_with_the_code_of_what_is_wrong(name: str) -> None:
    make, code = CORPUS[name]
    raw = make()
    refused = refusal(raw)

    assert refused.code == code
    assert refused.status == 401
    said = f"{refused} {refused.reason} {refused.next_step} {refused!r}"
    for planted in ("admin", "evil", "nightly", *(part for part in raw[:20_000].split(".") if len(part) > 40)):
        assert planted not in said


def test_the_corpus_has_a_case_for_every_refusal() -> None:
    codes = {code for _, code in CORPUS.values()}

    assert codes == set(FAULTS) | {"issuer-unknown", "key-unknown"}
    assert len(CORPUS) >= 34


def test_every_refusal_is_plain_about_itself() -> None:
    assert len(set(FAULTS.values())) == len(FAULTS)
    for code, reason in FAULTS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", code)
        assert re.fullmatch(r"[A-Z].*\.", reason)


def test_the_tokens_that_the_corpus_begins_with_are_good() -> None:
    """Or else it would prove nothing."""
    for alg, kid in (("RS256", "k1"), ("PS256", "ps"), ("ES256", "ec"), ("EdDSA", "ed")):
        assert verified(a_token(key_pair(alg, kid)), KEYS, STRICT)["sub"] == "repo:acme/nightly"


@pytest.mark.parametrize("index", range(3))
def test_no_other_spelling_of_the_same_bytes_is_taken(index: int) -> None:
    others = not_canonical(index)

    assert len(others) in (3, 15)
    assert {refusal(raw).code for raw in others} == {"token-not-canonical"}


def test_hmac_and_none_stay_refused_even_where_an_issuer_would_list_them() -> None:
    lax = an_issuer(algorithms=("HS256", "none"))

    assert refusal(hmac_under(b"secret"), issuer=lax).code == "algorithm-refused"
    assert refusal(header(alg="none"), issuer=lax).code == "algorithm-refused"


def test_what_is_wrong_and_expired_is_expired_only_when_its_signature_is_good() -> None:
    stale = a_token(exp=T - 100, iat=T - 400)

    assert refusal(stale).next_step
    assert refusal(stale[:-8] + "AAAAAAAA").code == "signature-invalid"
