"""The pytest file that replays promoted tapes: what an engineer would have written, for an engineer to review.

Nothing that a tape names is imported or run here; names become identifiers or nothing, and values are literals.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from spantape.errors import TapeError, UsageError
from spantape.promote.cases import AgentCall, Case, Target, case_of, has_marker, is_direct
from spantape.promote.literals import WIDTH, assigned, called, flat, text_literal, width
from spantape.tape.model import Tape
from spantape.tolerance.level import Tolerance

HEAD: Final = '"""Runs of production, replayed from their tapes: no network, no keys.'
_DOCSTRING: Final = f'''{HEAD}

Written by `spantape promote`; review it, then it is yours. Where it says FILL IN, the tape
could not tell what to call.
"""
'''
_OWN_NAMES: Final = ("Path", "asyncio", "call", "matches", "pytest", "same", "spantape", "TAPES")
_FORMAT_SECONDS: Final = 30


class Tests:
    """The tests of tapes, gathered to be written to `path`.

    Raises:
        UsageError: a file that this did not write is there, or `path` is no Python file.
    """

    __test__ = False  # the name is pytest's for a class of tests, and this is none

    def __init__(self, path: Path, tolerance: Tolerance) -> None:
        self.path, self.tolerance = path, tolerance
        self.cases: list[Case] = []
        if path.suffix != ".py":
            raise UsageError(f"got --test {str(path)!r}, expected a .py file")
        if path.exists() and not _is_ours(path):
            raise UsageError(
                f"{str(path)!r} is there, and not written by spantape promote; name another file"
            )

    def add(self, tape: Tape) -> None:
        """Take the test of a tape."""
        self.cases.append(case_of(tape))

    def write(self) -> None:
        """Write the file.

        Raises:
            TapeError: it cannot be written.
        """
        text = formatted(source(self.cases, self.path, self.tolerance), self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise TapeError(f"cannot be written ({error})", path=self.path) from error


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEAD)) == HEAD.encode()


def formatted(text: str, path: Path) -> str:
    """`text` as the project around `path` formats it, where ruff is at hand; else as it is."""
    program = shutil.which("ruff")
    if program is None:
        return text
    command = [program, "format", "--stdin-filename", str(path.absolute()), "-"]
    try:
        done = subprocess.run(  # noqa: S603 - a formatter, which runs nothing of what it reads
            command, input=text.encode(), capture_output=True, timeout=_FORMAT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return text
    return done.stdout.decode()


def source(cases: Sequence[Case], path: Path, tolerance: Tolerance) -> str:
    """The source of the test file at `path`."""
    writer = _Writer(path, tolerance)
    tests = [writer.test(case) for case in cases]
    text = "\n".join([_DOCSTRING, *writer.head(), "", *(f"\n{test}\n" for test in tests)])
    ast.parse(text)  # what is not Python never reaches a disk
    return text


class _Writer:
    """Writes tests, and knows what they have to import."""

    def __init__(self, path: Path, tolerance: Tolerance) -> None:
        self._folder, self._tolerance = path.parent, tolerance
        self._imports: dict[tuple[str, str], str] = {}
        self._needs: set[str] = set()
        self._titles: set[str] = set()

    def head(self) -> list[str]:
        """The imports, in the order of import sorters."""
        standard = [line for name, line in _STANDARD if name in self._needs]
        outside = [line for name, line in _OUTSIDE if name in self._needs or name == "spantape"]
        own: dict[str, list[str]] = {}
        for (module, name), alias in sorted(self._imports.items()):
            own.setdefault(module, []).append(name if alias == name else f"{name} as {alias}")
        helpers = [name for name in ("call", "same") if name in self._needs]
        if helpers:
            outside.append(f"from spantape.promote.recorded import {', '.join(helpers)}")
        if "matches" in self._needs:
            outside.append("from spantape.semantic.matches import matches")
        imports = [_import(module, given) for module, given in own.items()]
        groups = [["from __future__ import annotations"], standard, outside, imports]
        return [line for group in groups if group for line in ("", *group)][1:]

    def test(self, case: Case) -> str:
        """The test of one tape."""
        self._needs.add("Path")
        marks = [called("@", "pytest.mark.skip", [("reason", case.skip)], "", 0)] if case.skip else []
        self._needs |= {"pytest"} if marks else set()
        name = self._title(case.title)
        body = list(self._body(case))
        return "\n".join([*marks, f"def test_{name}() -> None:", *body])

    def _title(self, wanted: str) -> str:
        title, number = wanted, 2
        while title in self._titles:
            title, number = f"{wanted}_{number}", number + 1
        self._titles.add(title)
        return title

    def _body(self, case: Case) -> Iterator[str]:
        yield self._place(case.path)
        if not case.calls:
            yield from self._to_fill("the tape holds no call of an agent")
            return
        unknown = next((call for call in case.calls if call.target is None), None)
        if unknown is not None:
            yield from self._to_fill(unknown.why)
            return
        if any(call.is_large for call in case.calls):
            yield "    steps = spantape.read_tape(tape).steps"
        if case.has_others:
            yield "    # the run also made calls outside its agents, which this test does not make"
        yield f"    with spantape.replay({'tape, allow_unused=True' if case.has_others else 'tape'}):"
        names = [_variable(call, number, len(case.calls)) for number, call in enumerate(case.calls, 1)]
        for call, name in zip(case.calls, names, strict=True):
            yield from self._call(call, name)
        for call, name in zip(case.calls, names, strict=True):
            yield from self._assertion(call, name)

    def _place(self, tape: Path) -> str:
        """The statement that says where the tape is: beside this file, however the two are moved."""
        try:
            relative = os.path.relpath(tape, self._folder)
        except ValueError:  # another drive
            return called("tape = ", "Path", [("", text_literal(str(tape.absolute())))], "", 4)
        here, there = "Path(__file__).parent", f"/ {text_literal(Path(relative).as_posix())}"
        if width(f"    tape = {here} {there}") <= WIDTH:
            return f"    tape = {here} {there}"
        inside = (
            f"{here} {there}" if width(f"        {here} {there}") <= WIDTH else f"{here}\n        {there}"
        )
        return f"    tape = (\n        {inside}\n    )"

    def _to_fill(self, why: str) -> Iterator[str]:
        """A place for a person, and a test that says so until then."""
        self._needs.add("pytest")
        reason = text_literal(f"FILL IN below what to call: {why}")
        yield called("", "pytest.skip", [("", reason)], "", 4)
        yield "    with spantape.replay(tape):"
        yield "        ...  # FILL IN: call the program, and assert what it gives"

    # --- one call ----------------------------------------------------------------------------------------------------

    def _call(self, call: AgentCall, name: str) -> Iterator[str]:
        function = self._imported(call.target)
        head = f"{name} = "
        if call.error is not None:
            self._needs.add("pytest")
            yield f"        with pytest.raises({_raised(call)}) as {name}:"
            head = ""
        indent = 8 if call.error is None else 12
        if not is_direct(call):
            self._needs.add("call")
            given = [("", function), *([] if call.is_large else call.arguments.items())]
            if call.is_large:
                given.append(("", f"**steps[{call.step}].arguments"))
            yield called(head, "call", given, "", indent)
            return
        wrapper = _WRAPPERS[call.target.seen.shape if call.target and call.target.seen else "plain"]
        self._needs |= {"asyncio"} if wrapper.startswith("asyncio") else set()
        yield called(head + wrapper, function, list(call.arguments.items()), ")" if wrapper else "", indent)

    def _imported(self, target: Target | None) -> str:
        if target is None:
            return ""
        key = (target.module, target.name)
        if key not in self._imports:
            taken = {*self._imports.values(), *_OWN_NAMES}
            alias, number = target.name, 2
            while alias in taken or alias.startswith("test"):
                alias, number = f"{target.name.lstrip('_')}_{number}", number + 1
                alias = alias if not alias.startswith("test") else f"the_{alias}"
            self._imports[key] = alias
        return self._imports[key] + target.rest

    def _assertion(self, call: AgentCall, name: str) -> Iterator[str]:
        if call.error is not None:
            kind = call.error.type.rpartition(".")[2]
            yield f"    assert type({name}.value).__name__ == {text_literal(kind)}"
            return
        expected = flat(call.result)
        line = f"    {self._compared(call, name, expected)}"
        if call.is_large:
            yield f"    {self._compared(call, name, f'steps[{call.step}].result')}"
        elif width(line) <= WIDTH and "\n" not in line:
            yield line
        else:
            variable = name.replace("result", "expected")
            yield assigned(variable, call.result, 4)
            yield f"    {self._compared(call, name, variable)}"

    def _compared(self, call: AgentCall, name: str, expected: str) -> str:
        level, threshold = self._tolerance.level, self._tolerance.threshold
        if level == "byte" or not _holds_text(call):
            singleton = expected in ("None", "True", "False")
            return f"assert {name} {'is' if singleton else '=='} {expected}"
        if level == "semantic" and isinstance(call.result, str):
            self._needs.add("matches")
            more = "" if threshold is None else f", threshold={threshold!r}"
            return f"assert matches({name}, {expected}{more})"
        self._needs.add("same")
        return f"assert same({name}, {expected}, {text_literal(str(self._tolerance))})"


_STANDARD: Final = (("asyncio", "import asyncio"), ("Path", "from pathlib import Path"))
_OUTSIDE: Final = (
    ("pytest", "import pytest"),
    ("spantape", "import spantape"),
)
_WRAPPERS: Final = {"plain": "", "coroutine": "asyncio.run(", "generator": "list("}


def _import(module: str, given: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(given)}"
    if width(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {one}," for one in given), ")"])


def _holds_text(call: AgentCall) -> bool:
    return isinstance(call.result, str | list | dict) and not has_marker(call.result)


def _variable(call: AgentCall, number: int, count: int) -> str:
    """What a call's outcome is called in a test of `count` calls."""
    word = "result" if call.error is None else "caught"
    return word if count == 1 else f"{word}_{number}"


def _raised(call: AgentCall) -> str:
    """What an agent's recorded failure is caught as; its class is looked at behind it."""
    kind = "" if call.error is None else call.error.type.rpartition(".")[2]
    return "BaseException" if kind in ("KeyboardInterrupt", "SystemExit", "CancelledError") else "Exception"
