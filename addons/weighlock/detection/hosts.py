"""Hosts that somebody can be known by, and those that only look like it."""

from __future__ import annotations

import re


def mailbox(text: str) -> bool:
    """Not a look-alike: the user of a repository, a unit of systemd, a picture for a denser screen, an algorithm."""
    local, _, domain = text.lower().rpartition("@")
    return not (
        local in ("git", "hg", "svn")
        or domain.rpartition(".")[2] in _NO_TLD
        or re.match(r"[0-9]x\.", domain)
        or domain in ("openssh.com", "libssh.org")
    )


_NO_TLD = frozenset(
    "png jpg jpeg gif svg webp css js ts tsx jsx json yaml yml toml html htm txt xml csv"
    " service socket timer target mount slice conf cfg ini lock log".split()
)


def website(text: str) -> bool:
    """A site of somebody: not an example, or where code, standards and packages are published for everybody."""
    host = re.sub(r"(?i)\A[a-z]+://", "", text.lower()).split("/")[0].split(":")[0].rstrip(".")
    labels = host.split(".")
    return labels[-1] not in _NO_TLD and not any(".".join(labels[at:]) in _OF_ALL for at in range(len(labels)))


_OF_ALL = frozenset(
    "example example.com example.org example.net example.edu test invalid localhost local internal python.org"
    " pypi.org pythonhosted.org readthedocs.io readthedocs.org github.com githubusercontent.com"
    " gitlab.com bitbucket.org sourceforge.net npmjs.com npmjs.org yarnpkg.com crates.io docs.rs rust-lang.org"
    " golang.org go.dev nodejs.org maven.org rubygems.org packagist.org nuget.org docker.com docker.io"
    " debian.org ubuntu.com gnu.org kernel.org freedesktop.org opengroup.org unix.org apache.org mozilla.org"
    " w3.org w3schools.com ietf.org rfc-editor.org iana.org icann.org iso.org unicode.org oasis-open.org"
    " openid.net json-schema.org schema.org xmlsoap.org opensource.org creativecommons.org spdx.org"
    " wikipedia.org wikimedia.org stackoverflow.com microsoft.com ibm.com oracle.com java.com developers.google.com"
    " googleapis.com apple.com jquery.com jsdelivr.net unpkg.com cloudflare.com"
    " shields.io doi.org arxiv.org acm.org ieee.org nist.gov codecov.io travis-ci.org circleci.com".split()
)
