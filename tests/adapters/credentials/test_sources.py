from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from weighlock.adapters.credentials.sources import SIZE, read
from weighlock.destination import Credential
from weighlock.policy.credentials import LIMIT, Unusable

SECRET = "s3cr3t-credential"


def program(text: str, *arguments: str) -> Credential:
    return Credential("command", (sys.executable, "-I", "-c", text, *arguments), 60.0)


def file(path: Path) -> Credential:
    return Credential("file", (str(path),))


async def why(credential: Credential) -> str:
    with pytest.raises(Unusable) as caught:
        await read(credential, {})
    assert SECRET not in str(caught.value)
    return str(caught.value)


async def test_a_variable_is_read() -> None:
    assert await read(Credential("env", ("KEY",)), {"KEY": f" {SECRET}\n"}) == SECRET
    assert await why(Credential("env", ("KEY",))) == "its environment variable is not set"
    with pytest.raises(Unusable, match="its environment variable is empty"):
        await read(Credential("env", ("KEY",)), {"KEY": " "})


async def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for secret in ("one", "two"):
        path.write_text(f"{secret}\n")
        assert await read(file(path), {}) == secret


async def test_a_link_is_followed_as_kubernetes_rotates_files(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "token").write_text(SECRET)
    (tmp_path / "token").symlink_to("..data/token")

    assert await read(file(tmp_path / "token"), {}) == SECRET


async def test_what_is_no_readable_file_of_a_credential_is_told(tmp_path: Path) -> None:
    assert await why(file(tmp_path / "none")) == "its file cannot be read (FileNotFoundError)"
    assert await why(file(tmp_path)) == "its file is no regular file"
    assert await why(file(Path("/dev/zero"))) == "its file is no regular file"
    path = tmp_path / "key"
    for data, reason in [
        (b"", "is empty"),
        (f"{SECRET} {SECRET}".encode(), "no header field can carry"),
        (f"{SECRET}\n{SECRET}".encode(), "no header field can carry"),
        (SECRET.encode() + b"\xff\0", "no header field can carry"),
        (SECRET.encode() * SIZE, f"is over {LIMIT} characters"),
    ]:
        path.write_bytes(data)
        assert reason in await why(file(path))


async def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    async with asyncio.timeout(10):
        assert await why(file(tmp_path / "pipe")) == "its file is no regular file"


async def test_what_a_program_prints_is_the_credential() -> None:
    assert await read(program("import sys; print(sys.argv[1])", SECRET), {}) == SECRET


async def test_words_are_words_and_no_shell_reads_them() -> None:
    words = "$(id)`id`;*>x&|'\""

    assert await read(program("import sys; print(sys.argv[1])", words), {"PATH": "/bin"}) == words


async def test_a_program_gets_no_secret_of_the_gateways_environment() -> None:
    environ = {"PATH": "/usr/bin", "HOME": "/root", "OPENAI_API_KEY": SECRET, "LD_PRELOAD": "x"}
    text = "import os; print(','.join(sorted(os.environ)))"

    assert set((await read(program(text), environ)).split(",")) <= {"PATH", "HOME", "LC_CTYPE"}


async def test_a_program_gets_no_input_and_its_stderr_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    text = "import sys; print(sys.argv[1], file=sys.stderr); print(len(sys.stdin.read()))"

    assert await read(program(text, SECRET), {}) == "0"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"print('{SECRET}'); raise SystemExit(3)", "its command ended with exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "its command ended with exit code -15"),
        ("", "its command's output is empty"),
        (f"print('{SECRET}'); print('{SECRET}')", "header field"),
        (f"print('{SECRET}' * 100_000)", "its command's output is over"),
        ("while True: print('x' * 1000)", "its command's output is over"),
    ],
)
async def test_a_program_that_does_not_print_one_gives_none(text: str, reason: str) -> None:
    assert reason in await why(program(text))


async def test_a_program_that_is_not_there_gives_none(tmp_path: Path) -> None:
    assert (
        await why(Credential("command", (str(tmp_path / "x"),))) == "its command cannot be started (FileNotFoundError)"
    )
    (tmp_path / "x").write_text("")
    assert await why(Credential("command", (str(tmp_path / "x"),))) == "its command cannot be started (PermissionError)"


async def test_a_program_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    text = "import os, sys, time; f = open(sys.argv[1], 'w'); os.fork(); f.write('x'); f.flush(); time.sleep(600)"
    reading = asyncio.create_task(read(program(text, str(pipe)), {}))
    alive = await asyncio.to_thread(os.open, pipe, os.O_RDONLY)
    try:
        assert await asyncio.to_thread(os.read, alive, 1) == b"x"
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        # The pipe's end is seen when the last process that holds it is gone.
        async with asyncio.timeout(10):
            while await asyncio.to_thread(os.read, alive, 10):
                pass
    finally:
        os.close(alive)
