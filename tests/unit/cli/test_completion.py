"""What a shell offers, asked of a real bash; and where scripts are put."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from realizefs.cli import main
from realizefs.cli.commands_completion import SHELLS, SIGN, script
from realizefs.model.errors import Misuse

PROGRAM = Path(sys.executable).with_name("realizefs")

ASKED = """
{script}
COMP_WORDS=({words}) COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
compopt() {{ printf 'compopt'; printf ' %s' "$@"; echo; }}
_realizefs_completion {program}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def offered(line: str, tmp_path: Path) -> list[str]:
    """What bash has for the last word of a line; the line ends with a space where that is empty."""
    words = [*shlex.split(line), *([""] if line.endswith(" ") else [])]
    text = ASKED.format(
        script=script(main.cli, "bash"),
        words=" ".join(shlex.quote(word) for word in words),
        program=shlex.quote(str(PROGRAM)),
    )
    done = subprocess.run(
        ["bash", "-c", text],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "REALIZEFS_HOME": str(tmp_path / "none")},
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("realizefs serv", ["serve", "service"]),
        ("realizefs service ", ["install", "remove", "status"]),
        ("realizefs mark set k", ["compopt -o default", "keep"]),
        ("realizefs info ho", ["compopt -o default", ""]),
        ("realizefs umount ", ["compopt -o dirnames", ""]),
        ("realizefs arena add x --mark o", ["own"]),
        ("realizefs completion show z", ["zsh"]),
        ("realizefs rule add ", ["own", "keep", "watch"]),
        ("realizefs schema mark s", ["set"]),
        ("realizefs manual show co", ["completion", "conflicts"]),
    ],
)
def test_bash_completes(line: str, wanted: list[str], tmp_path: Path) -> None:
    assert offered(line, tmp_path) == wanted


def test_without_a_daemon_no_name_is_offered_and_nothing_is_said(tmp_path: Path) -> None:
    assert offered("realizefs approve ", tmp_path) == [""]


def test_names_are_those_of_the_daemon(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    known = {"arenas": [{"name": "photos"}, {"name": "taxes"}], "peers": [{"name": "desk"}]}
    monkeypatch.setattr("realizefs.cli.client.Client.ask_running", lambda *_arguments: known)
    for words, wanted in (
        ("approve ", ["photos", "taxes"]),
        ("arena set ", ["photos", "taxes"]),
        ("arena add ", []),
        ("check t", ["taxes"]),
        ("mount --arena p", ["photos"]),
        ("peer remove ", ["desk"]),
        ("limit --peer ", ["desk"]),
        ("move x --to d", ["desk"]),
    ):
        monkeypatch.setenv("_REALIZEFS_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", f"realizefs {words}")
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" "))))
        with pytest.raises(SystemExit):
            main.run([])
        said = capfd.readouterr()
        assert (said.out.split(), said.err) == ([f"plain,{name}" for name in wanted], ""), words


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    return tmp_path / "data"


def test_scripts_are_put_where_shells_look_and_go_again(
    data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    places = [
        data / "bash-completion/completions/realizefs",
        data / "zsh/site-functions/_realizefs",
        data / "fish/vendor_completions.d/realizefs.fish",
    ]
    assert main.run(["completion", "install"]) == 0
    assert [place.exists() for place in places] == [False, False, True]
    assert main.run(["completion", "install", *SHELLS]) == 0
    assert all(SIGN in place.read_text() for place in places)
    assert places[1].read_text().startswith("#compdef realizefs\n")
    assert "fpath+=" in capfd.readouterr().out
    assert main.run(["completion", "remove"]) == 0
    assert not any(place.exists() for place in places)
    assert main.run(["completion", "remove"]) == Misuse.exit_status


def test_a_script_of_somebody_else_is_left_alone(data: Path) -> None:
    other = data / "bash-completion/completions/realizefs"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    assert main.run(["completion", "install", "bash"]) == Misuse.exit_status
    assert other.read_text() == "mine"


def test_an_unknown_login_shell_has_to_be_named(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert main.run(["completion", "install"]) == Misuse.exit_status
    assert "Name a shell" in capfd.readouterr().err
