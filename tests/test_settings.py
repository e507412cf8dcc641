from __future__ import annotations

from pathlib import Path

import pytest

from weighlock import settings
from weighlock.errors import ConfigError

RULES = Path("/somewhere/rules")


def test_every_knob_has_a_default_that_can_be_read() -> None:
    read = settings.read({}, {}, RULES)

    assert read.rules == RULES
    assert read.body_limit == 10 << 20
    assert read.hold_for == 45
    assert read.console == ("127.0.0.1", 8181)
    assert read.upstream_ca is None
    assert all(knob["help"].endswith(".") for knob in settings.knobs().values())


def test_an_option_wins_over_the_environment_and_that_over_the_default() -> None:
    environ = {"WEIGHLOCK_WORKERS": "3", "WEIGHLOCK_HOLD_FOR": "2m", "WEIGHLOCK_TOKEN": "t", "HOME": "/"}

    read = settings.read({"workers": "4", "hold_for": ""}, environ, RULES)

    assert (read.workers, read.hold_for) == (4, 120)


def test_an_empty_address_turns_the_console_off() -> None:
    assert settings.read({}, {"WEIGHLOCK_CONSOLE": ""}, RULES).console is None
    assert settings.read({"console": "[::1]:9"}, {}, RULES).console == ("::1", 9)


@pytest.mark.parametrize(
    ("options", "environ", "named"),
    [
        ({"workers": "0"}, {}, "weighlock_workers"),
        ({"body_limit": "10mb"}, {}, "weighlock_body_limit"),
        ({"hold_for": "-1s"}, {}, "weighlock_hold_for"),
        ({"console": "localhost"}, {}, "weighlock_console"),
        ({"console": "localhost:99999"}, {}, "weighlock_console"),
        ({}, {"WEIGHLOCK_WORKERS": "many"}, "WEIGHLOCK_WORKERS"),
        ({}, {"WEIGHLOCK_WROKERS": "1"}, "WEIGHLOCK_WROKERS"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_name(
    options: dict[str, str], environ: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        settings.read(options, environ, RULES)

    assert refused.value.where == named
