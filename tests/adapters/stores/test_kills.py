"""Thousands of kills: whatever the writer returned for is there, and the file verifies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import killed

KILLS = 500
MEMORY = Path("/dev/shm")
"""A kill takes nothing from the system's cache, so that a disk would only make it slow."""
POINTS = {
    "steps": {
        f"@{when} {step}"
        for step in ("canonical", "leaf_hash", "insert", "destroy", "_scrub", "read", "_checkpoint", "remove", "tidy")
        for when in ("before", "behind")
    },
    "statements": {
        "@BEGIN IMMEDIATE",
        "@COMMIT",
        "@INSERT INTO entries",
        "@INSERT INTO payloads",
        "@INSERT INTO payload_keys",
        "@INSERT INTO checkpoints",
        "@UPDATE payload_keys SET",
        "@DELETE FROM payloads",
        "@INSERT INTO segments",
        "@DELETE FROM segments",
        "@DELETE FROM entries",
        "@PRAGMA wal_checkpoint(TRUNCATE)",
    },
    "instructions": {"@instruction"},
    "moments": set(),
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    where = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=where) as made:
        yield Path(made)


@pytest.mark.slow
@pytest.mark.parametrize("how", POINTS)
def test_a_kill_loses_nothing_that_was_acknowledged(folder: Path, how: str) -> None:
    command = [sys.executable, killed.__file__, str(folder / "state"), how, str(KILLS), "7"]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] == KILLS
    assert told["acknowledged"] > KILLS
    assert POINTS[how] <= told["died"].keys()
