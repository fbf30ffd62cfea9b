"""`spantape git` in a real repository: set up, shown, taken back; and nothing of others is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cli_tapes import make_runner, record_guide
from spantape import cli
from spantape.tape.outward.git import LINE

MAIL = "ada.lovelace@analytical-engines.org"

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def spantape(capsys):
    return make_runner(capsys)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of its own: git's settings of whoever runs the tests are left alone."""
    place = tmp_path / "home"
    place.mkdir()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_PAGER", "cat")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    return place


@pytest.fixture
def repository(tmp_path, monkeypatch):
    place = tmp_path / "repository"
    place.mkdir()
    monkeypatch.chdir(place)
    git("init", "-q")
    return place


def git(*arguments):
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(message):
    git("add", "-A")
    git("commit", "-q", "-m", message)


def recorded_twice(repository):
    """A tape that is committed, and recorded anew with another prompt."""
    record_guide(repository / "a.tape", "Weather in Oslo?")
    commit("first")
    (repository / "a.tape").unlink()
    record_guide(repository / "a.tape", "Weather in Paris?")


# --- what git shows ----------------------------------------------------------------------------------------------


def test_git_diff_shows_the_changed_prompt(spantape, repository):
    assert spantape("git", "install").code == 0
    recorded_twice(repository)
    diff = git("diff")
    assert '-  request.messages[0].content: "Weather in Oslo?"\n' in diff
    assert '+  request.messages[0].content: "Weather in Paris?"\n' in diff
    changed = [line for line in diff.splitlines() if line[:1] in "+-" and "usage" not in line]
    assert len(changed) == 2 + 2 * 2  # the names of the file, the argument, the message


def test_git_log_and_show_work_from_anywhere(spantape, repository, monkeypatch):
    spantape("git", "install")
    recorded_twice(repository)
    commit("second")
    (repository / "below").mkdir()
    monkeypatch.chdir(repository / "below")
    monkeypatch.setenv("PATH", str(Path(shutil.which("git")).parent))
    log = git("log", "-p")
    assert "new file mode" in log
    assert '+  request.messages[0].content: "Weather in Paris?"\n' in log
    assert '+  result: "Sunny, 21 °C."\n' in log
    assert '"Weather in Paris?"' in git("show", "HEAD")


def test_what_lies_in_a_repository_is_not_imported(spantape, repository):
    spantape("git", "install")
    for name in ("spantape", "click", "json", "sitecustomize"):
        (repository / f"{name}.py").write_text("open('touched', 'w').close()")
    recorded_twice(repository)
    assert '"Weather in Paris?"' in git("diff")
    assert not (repository / "touched").exists()


def test_a_damaged_tape_does_not_stop_git(spantape, repository):
    spantape("git", "install")
    recorded_twice(repository)
    data = bytearray((repository / "a.tape").read_bytes())
    data[len(data) // 2] ^= 255
    (repository / "a.tape").write_bytes(data)
    (repository / "empty.tape").write_bytes(b"")
    git("add", "-A", "-N")
    assert "+no tape that can be read: " in git("diff")


def test_secrets_are_not_shown(spantape, repository):
    import spantape as library
    from cli_tapes import openai_client
    from spantape.testing import ModelServer, text

    spantape("git", "install")
    tape = repository / "a.tape"
    with (
        ModelServer([text("yes")]) as server,
        openai_client(server) as client,
        library.record(tape, redact=False),
    ):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": f"mail {MAIL}"}])
    git("add", "-N", "a.tape")
    diff = git("diff")
    assert MAIL not in diff
    assert "mail __email_1__" in diff


def test_without_setting_up_tapes_are_binary(repository):
    recorded_twice(repository)
    (repository / ".gitattributes").write_text(LINE + "\n")  # as it comes to who did not install the driver
    assert git("diff", "a.tape") == git("diff", "--no-textconv", "a.tape")
    assert "Binary files a/a.tape and b/a.tape differ" in git("diff")


def test_the_driver_is_for_showing_and_no_patch_is_made_of_its_text(spantape, repository):
    spantape("git", "install")
    recorded_twice(repository)
    commit("second")
    second = git("rev-parse", "HEAD:a.tape")
    patch = git("format-patch", "-1", "--stdout", "--binary")
    assert "GIT binary patch" in patch
    git("checkout", "-q", "HEAD~1")
    (repository.parent / "p.patch").write_text(patch)
    git("am", "-q", str(repository.parent / "p.patch"))
    assert git("rev-parse", "HEAD:a.tape") == second


# --- what is set up ----------------------------------------------------------------------------------------------


def test_installing_twice_changes_nothing_more(spantape, repository):
    first = spantape("git", "install")
    assert "git config --local diff.spantape.textconv: " in first.err
    assert f".gitattributes: added the line '{LINE}'" in first.err
    before = (repository / ".git" / "config").read_text(), (repository / ".gitattributes").read_text()
    second = spantape("git", "install")
    assert (second.code, second.err) == (0, "set up already; nothing was changed\n")
    assert (
        (repository / ".git" / "config").read_text(),
        (repository / ".gitattributes").read_text(),
    ) == before


def test_removing_leaves_what_was_there(spantape, repository):
    (repository / ".gitattributes").write_bytes(b"*.png binary\r\n*.txt text")
    config = (repository / ".git" / "config").read_text()
    spantape("git", "install")
    assert (repository / ".gitattributes").read_text().endswith(f"*.txt text\n{LINE}\n")
    removed = spantape("git", "install", "--remove")
    assert "removed diff.spantape" in removed.err
    assert (repository / ".gitattributes").read_bytes() == b"*.png binary\r\n*.txt text\n"
    assert (repository / ".git" / "config").read_text() == config
    assert spantape("git", "install", "--remove").err == "nothing to remove\n"


def test_a_file_that_held_but_our_line_goes_with_it(spantape, repository):
    spantape("git", "install")
    spantape("git", "install", "--remove")
    assert not (repository / ".gitattributes").exists()


def test_a_line_that_somebody_wrote_differently_stays(spantape, repository):
    (repository / ".gitattributes").write_text("*.tape -text diff=spantape merge=ours\n")
    spantape("git", "install")
    assert (repository / ".gitattributes").read_text() == "*.tape -text diff=spantape merge=ours\n"


def test_another_driver_of_tapes_is_overruled_for_diffs_only(spantape, repository):
    (repository / ".gitattributes").write_text("*.tape filter=lfs diff=lfs merge=lfs -text\n")
    spantape("git", "install")
    told = git("check-attr", "diff", "filter", "merge", "text", "--", "a.tape")
    assert [line.rpartition(": ")[2] for line in told.splitlines()] == ["spantape", "lfs", "lfs", "unset"]


def test_globally_it_is_for_every_repository(spantape, home, repository):
    shown = spantape("git", "install", "--global")
    assert shown.code == 0
    assert (home / ".config" / "git" / "attributes").read_text() == LINE + "\n"
    assert not (repository / ".gitattributes").exists()
    recorded_twice(repository)
    assert '"Weather in Paris?"' in git("diff")
    spantape("git", "install", "--global", "--remove")
    assert "Binary files" in git("diff")
    assert not (home / ".config" / "git" / "attributes").exists()


def test_the_attributes_file_of_the_user_is_heeded(spantape, home, tmp_path):
    git("config", "--global", "core.attributesFile", "~/my-attributes")
    assert spantape("git", "install", "--global").code == 0
    assert (home / "my-attributes").read_text() == LINE + "\n"


def test_outside_a_repository_the_way_out_is_named(spantape, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    shown = spantape("git", "install")
    assert shown.code == 2
    assert "use --global" in shown.err


def test_without_git_it_says_so(spantape, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    shown = spantape("git", "install")
    assert (shown.code, "git cannot be run" in shown.err) == (2, True)


def test_files_that_cannot_be_written_are_named(spantape, repository):
    (repository / ".gitattributes").mkdir()
    shown = spantape("git", "install")
    assert shown.code == 2
    assert ".gitattributes cannot be read" in shown.err


def test_the_text_is_utf_8_whatever_the_terminal(repository, capfdbinary):
    record_guide(repository / "a.tape", "Grüße?")
    assert cli.run(["git", "textconv", "a.tape"]) == 0
    out = capfdbinary.readouterr().out
    assert 'content: "Grüße?"'.encode() in out
    assert str(Path.home()).encode() not in out
