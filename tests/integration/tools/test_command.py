"""Running programs for real."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from quorate.errors import CommandError
from quorate.tools import command


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_code_and_time_are_kept() -> None:
    done = command.run(
        python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), check=False
    )
    assert (done.stdout, done.stderr, done.code, done.ok) == ("out\n", "err\n", 3, False)
    assert 0 < done.seconds < 30


def test_a_failure_carries_the_programs_last_words_without_secrets() -> None:
    program = python("import sys; sys.exit('bad password: hunter2')")
    with pytest.raises(CommandError) as caught:
        command.run([*program, "hunter2"], secrets=["hunter2"])
    assert caught.value.cause == "bad password: •••"
    assert "hunter2" not in str(caught.value.as_json())


def test_a_failure_without_words_has_no_cause() -> None:
    with pytest.raises(CommandError, match="ended with exit code 1") as caught:
        command.run(["false"])
    assert caught.value.cause is None


def test_a_program_that_hangs_is_killed() -> None:
    started = time.monotonic()
    with pytest.raises(CommandError, match="did not end within 0 s"):
        command.run(["sleep", "30"], timeout=0.2)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("given", ["text", b"text"])
def test_standard_input_is_what_is_given(given: str | bytes) -> None:
    assert command.run(["cat"], input=given).stdout == "text"


def test_a_file_can_be_standard_input(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"a\n" * 100_000)
    assert command.run(["wc", "-l"], feed=tmp_path / "rows").stdout.strip() == "100000"


def test_standard_input_is_empty_otherwise_never_the_terminal() -> None:
    assert command.run(["cat"]).stdout == ""


def test_arguments_are_no_shell_text() -> None:
    assert command.run(["printf", "%s", "$HOME; echo x"]).stdout == "$HOME; echo x"


def test_environment_is_added_to_and_directory_taken(tmp_path: Path) -> None:
    done = command.run(
        ["sh", "-c", 'printf "%s %s" "$EXTRA" "$PWD"'], env={"EXTRA": "1"}, cwd=tmp_path
    )
    assert done.stdout == f"1 {tmp_path}"


def test_bytes_that_are_no_text_do_not_break_it() -> None:
    assert "�" in command.run(["printf", r"\377"]).stdout


def test_a_file_that_cannot_be_run_is_a_command_error(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/nonexistent/interpreter\n")
    program.chmod(0o755)
    with pytest.raises(CommandError, match="could not be started"):
        command.run([str(program)])


def test_spawn_leaves_the_program_in_a_session_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = command.spawn(["sh", "-c", "echo started; exec sleep 30"], log_file=log)
    try:
        deadline = time.monotonic() + 10
        while not log.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert log.read_text() == "started\n"
        assert os.getsid(process.pid) == process.pid
    finally:
        process.kill()
        assert process.wait(timeout=10) == -signal.SIGKILL


def test_replace_process_becomes_the_program() -> None:
    code = "from quorate.tools import command; command.replace_process(['printf', 'replaced'])"
    assert command.run(python(code)).stdout == "replaced"


def test_a_tied_program_is_told_and_let_go(tmp_path: Path) -> None:
    said = tmp_path / "said"
    program = command.spawn(["cat"], log_file=said, tied=True)
    command.tell(program, "hello")
    command.let_go(program, patience=10.0)
    assert said.read_text() == "hello\n"


def test_a_program_that_has_ended_cannot_be_told() -> None:
    program = command.spawn(["true"], tied=True)
    program.wait(10.0)
    with pytest.raises(CommandError, match="ended before"):
        command.tell(program, "hello")
    command.let_go(program, patience=10.0)


def test_following_hands_over_each_line_as_it_comes(tmp_path: Path) -> None:
    """The program goes on only once its first line was seen."""
    sign = tmp_path / "seen"
    code = f"""
import pathlib, sys, time
print('one', flush=True)
while not pathlib.Path({str(sign)!r}).exists():
    time.sleep(0.01)
print('err', file=sys.stderr)
sys.exit(3)
"""
    seen: list[str] = []

    def hear(line: str) -> None:
        seen.append(line)
        sign.touch()

    done = command.follow(python(code), hear, timeout=60)
    assert seen == ["one"]
    assert (done.code, done.stdout, done.stderr) == (3, "one", "err")


def test_following_keeps_the_last_lines_only() -> None:
    done = command.follow(python("print('\\n'.join(map(str, range(5000))))"), print, timeout=60)
    assert done.stdout.split("\n")[0] == str(5000 - command.KEPT_LINES)


def test_a_followed_program_reads_what_it_is_given(tmp_path: Path) -> None:
    file = tmp_path / "given"
    file.write_bytes(b"\xff text\n")
    seen: list[str] = []
    with file.open("rb") as stream:
        command.follow(["cat"], seen.append, timeout=60, input=stream)
    assert seen == ["� text"]


@pytest.mark.parametrize("code", ["import time; time.sleep(60)", "print(1, flush=True); input()"])
def test_a_followed_program_that_hangs_is_killed(code: str) -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as stream, os.fdopen(write, "wb"):
        started = time.monotonic()
        with pytest.raises(CommandError, match="did not end within 1 s"):
            command.follow(python(code), lambda line: None, timeout=1.0, input=stream)
        assert time.monotonic() - started < 30


def test_a_followed_program_ends_with_who_listens() -> None:
    """Ctrl-C, or an error in what is done with a line, leaves nothing running."""
    seen: list[int] = []

    def stop(line: str) -> None:
        seen.append(int(line))
        raise KeyboardInterrupt

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        command.follow(python(code), stop, timeout=60)
    assert not Path(f"/proc/{seen[0]}").exists()
