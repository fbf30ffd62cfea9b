from __future__ import annotations

import importlib
import logging
import sys
import types

import pytest
import wrapt

from spantape._seams import TABLE
from spantape._seams._patch import Where, install
from spantape.errors import SeamError

SOURCE = """
__version__ = "1.2"
def function(): return ["function"]
class Class:
    def method(self): return ["method"]
    class Inner:
        def deep(self): return ["deep"]
class Child(Class):
    pass
"""


def adding(word):
    """A wrapper that adds `word` to what the call gives."""
    return lambda _module: lambda wrapped, _instance, args, kwargs: [*wrapped(*args, **kwargs), word]


@pytest.fixture
def library(tmp_path, monkeypatch):
    """The name of a module that is not imported yet."""
    name = f"spantape_library_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def module(library):
    return importlib.import_module(library)


def table(name, *paths, word="ours"):
    return [
        Where(name, path, adding(word)) for path in paths or ("function", "Class.method", "Class.Inner.deep")
    ]


def results(module):
    return [module.function(), module.Class().method(), module.Class.Inner().deep()]


BARE = [["function"], ["method"], ["deep"]]
OURS = [["function", "ours"], ["method", "ours"], ["deep", "ours"]]


def test_every_target_of_a_table_is_wrapped_and_left_as_it_was(module):
    before = [module.function, vars(module.Class)["method"], vars(module.Class.Inner)["deep"]]
    handle = install(table(module.__name__))
    assert results(module) == OURS
    handle.remove()
    assert [module.function, vars(module.Class)["method"], vars(module.Class.Inner)["deep"]] == before
    assert results(module) == BARE


def test_a_module_that_is_not_imported_yet_is_waited_for(library):
    handle = install(table(library))
    assert library not in sys.modules
    module = importlib.import_module(library)
    assert results(module) == OURS
    handle.remove()
    assert results(module) == BARE


def test_a_module_that_comes_after_the_removal_is_not_wrapped(library):
    install(table(library)).remove()
    assert results(importlib.import_module(library)) == BARE


def test_a_module_that_is_being_imported_is_waited_for(tmp_path, library):
    (tmp_path / f"{library}.py").write_text(f"import {library}_inner\n{SOURCE}")
    (tmp_path / f"{library}_inner.py").write_text(
        "import sys\nfrom spantape._seams._patch import install\n"
        f"handle = install(sys.modules['test_patch'].table({library!r}))\n"
    )
    sys.modules.setdefault("test_patch", sys.modules[__name__])
    module = importlib.import_module(library)
    inner = sys.modules.pop(f"{library}_inner")
    assert results(module) == OURS
    inner.handle.remove()
    assert results(module) == BARE


def test_what_is_installed_twice_is_wrapped_once(module):
    first = install(table(module.__name__))
    second = install(table(module.__name__))
    assert results(module) == OURS
    second.remove()
    assert results(module) == OURS
    first.remove()
    assert results(module) == BARE


def test_what_is_below_another_tools_wrapper_is_not_wrapped_again(module):
    first = install(table(module.__name__))
    wrapt.wrap_function_wrapper(module, "function", adding("theirs")(None))
    second = install(table(module.__name__))
    assert module.function() == ["function", "ours", "theirs"]
    second.remove()
    first.remove()
    assert module.function() == ["function", "theirs"]


def test_another_tools_wrapper_below_stays(module):
    wrapt.wrap_function_wrapper(module, "Class.method", adding("theirs")(None))
    handle = install(table(module.__name__))
    assert module.Class().method() == ["method", "theirs", "ours"]
    handle.remove()
    assert module.Class().method() == ["method", "theirs"]


def test_under_a_plain_closure_ours_stays_switched_off_and_that_is_logged(module, caplog):
    handle = install(table(module.__name__))
    wrapped = module.function
    module.function = lambda: [*wrapped(), "theirs"]
    assert module.function() == ["function", "ours", "theirs"]
    with caplog.at_level(logging.INFO, "spantape"):
        handle.remove()
    assert results(module) == [["function", "theirs"], ["method"], ["deep"]]
    assert "function stays below another tool's" in caplog.text


def test_what_was_switched_off_can_be_installed_anew(module):
    first = install(table(module.__name__))
    wrapped = module.function
    module.function = lambda: [*wrapped(), "theirs"]
    first.remove()
    second = install(table(module.__name__))
    assert module.function() == ["function", "theirs", "ours"]
    second.remove()
    assert module.function() == ["function", "theirs"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_handles_are_removed_in_any_order(module, order):
    handles = [install(table(module.__name__, "function")), install(table(module.__name__, "Class.method"))]
    assert results(module) == [["function", "ours"], ["method", "ours"], ["deep"]]
    for index in order:
        handles[index].remove()
    assert results(module) == BARE


def test_a_handle_is_removed_twice_without_harm(module):
    handle = install(table(module.__name__))
    handle.remove()
    other = install(table(module.__name__))
    handle.remove()
    assert results(module) == OURS
    other.remove()


def test_an_inherited_method_is_no_target(module):
    with pytest.raises(SeamError, match=r"Child\.method"):
        install(table(module.__name__, "Child.method"))
    assert "method" not in vars(module.Child)


@pytest.mark.parametrize("path", ["gone", "Class.gone", "Gone.method", "Class.Gone.deep"])
def test_a_target_that_is_not_there_is_named_with_the_version(module, path):
    with pytest.raises(SeamError, match=rf"{module.__name__} 1\.2 without {path}, expected it there"):
        install(table(module.__name__, path))


def test_what_was_wrapped_before_a_missing_target_is_taken_off_again(module):
    with pytest.raises(SeamError):
        install(table(module.__name__, "function", "gone"))
    assert results(module) == BARE


def test_an_import_does_not_fail_because_of_us(library, caplog):
    handle = install(table(library, "gone", "function"))
    module = importlib.import_module(library)
    assert module.function() == ["function", "ours"]
    assert "without gone" in caplog.text
    handle.remove()


def test_a_module_that_lacks_its_spec_is_wrapped_as_it_is(monkeypatch):
    made = types.ModuleType("spantape_made")
    exec(SOURCE, made.__dict__)
    made.__spec__ = None
    monkeypatch.setitem(sys.modules, "spantape_made", made)
    handle = install(table("spantape_made"))
    assert results(made) == OURS
    handle.remove()
    assert results(made) == BARE


def test_the_real_table_names_targets_that_are_there():
    modules = {where.module for where in TABLE}
    assert {"httpx", "httpx2"} <= {name.partition(".")[0] for name in modules}
    for where in TABLE:
        importlib.import_module(where.module)
    install(TABLE).remove()
