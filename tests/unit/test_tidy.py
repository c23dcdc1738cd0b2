"""The rules of the house that no linter knows, each a test that names its offenders.

Everything here reads the source as text and syntax trees; nothing of realizefs is imported.
"""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "realizefs"
TESTS = ROOT / "tests"
SCRIPTS = ROOT / "scripts"

MODULE_LINES_MAX = 350  # one idea a file; beyond this it is two
TEST_LINES_MAX = 500
FUNCTION_LINES_MAX = 50  # a screen

TOP_LEVEL = {
    *("LICENSE", "Makefile", "README.md", "pyproject.toml"),
    *("capnp", "realizefs", "scripts", "tests"),
}
NAMELESS = {"common", "helper", "helpers", "misc", "util", "utils"}
ENTRY_POINTS = {"realizefs.cli.main", "realizefs.daemon.__main__"}
DESKTOP = "realizefs.cli.desktop."  # file managers load these

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources(folder: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in sorted(folder.rglob("*.py"))}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def place(path: Path, node: ast.expr | ast.stmt | None = None) -> str:
    line = f":{node.lineno}" if node else ""
    return f"{path.relative_to(ROOT)}{line}"


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def assert_none(offenders: Iterable[str], rule: str) -> None:
    found = list(offenders)
    if found:
        pytest.fail("\n  ".join([rule, *found]), pytrace=False)


def too_long(folder: Path, lines_max: int) -> Iterator[str]:
    for path, text in sources(folder).items():
        lines = text.count("\n")
        if lines > lines_max:
            yield f"{place(path)} has {lines} lines"


def test_modules_hold_one_idea() -> None:
    rule = f"A module has at most {MODULE_LINES_MAX} lines: divide these by idea."
    offenders = (one for folder in (PACKAGE, SCRIPTS) for one in too_long(folder, MODULE_LINES_MAX))
    assert_none(offenders, rule)


def test_test_files_tell_one_story() -> None:
    rule = f"A test file has at most {TEST_LINES_MAX} lines: divide these by story."
    assert_none(too_long(TESTS, TEST_LINES_MAX), rule)


def test_functions_fit_a_screen() -> None:
    offenders = (
        f"{place(path, node)} {node.name} has {lines} lines"
        for folder in (PACKAGE, SCRIPTS, TESTS)
        for path in sources(folder)
        for node in functions(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    )
    assert_none(offenders, f"A function has at most {FUNCTION_LINES_MAX} lines:")


def test_modules_are_named_for_their_idea() -> None:
    offenders = (
        place(path)
        for folder in (PACKAGE, SCRIPTS, TESTS)
        for path in sources(folder)
        if NAMELESS & {path.stem, path.parent.name}
    )
    assert_none(offenders, "Name the idea that these hold:")


# Docstrings. A method may leave its own to the port or base class that says what it does.


def is_public(name: str) -> bool:
    return not name.startswith("_")


def name_of(node: ast.expr) -> str:
    """The last word of `a.b.C`, `C[T]` or `C()`."""
    match node:
        case ast.Subscript(value=inner) | ast.Call(func=inner):
            return name_of(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


@cache
def classes() -> dict[str, ast.ClassDef]:
    nodes = (node for path in sources(PACKAGE) for node in ast.walk(tree(path)))
    return {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}


def documented_methods(node: ast.ClassDef) -> set[str]:
    return {
        item.name for item in node.body if isinstance(item, Function) and ast.get_docstring(item)
    }


@cache
def port_methods() -> frozenset[str]:
    """What any Protocol documents: its implementations need not inherit from it."""
    ports = (node for node in classes().values() if "Protocol" in map(name_of, node.bases))
    return frozenset(name for port in ports for name in documented_methods(port))


def inherits_docstring(node: ast.ClassDef, method: str) -> bool:
    """A base of ours documents the method, or a base of somebody else's is taken to."""
    plain = {"Exception", "Generic", "Protocol", "Enum", "IntEnum", "StrEnum", "NamedTuple"}
    for base in map(name_of, node.bases):
        ours = classes().get(base)
        if ours is None and base not in plain:
            return True
        if ours and (method in documented_methods(ours) or inherits_docstring(ours, method)):
            return True
    return False


def methods_to_document(node: ast.ClassDef) -> Iterator[Function]:
    exempt = {"override", "overload", "setter", "deleter"}
    for item in node.body:
        if not isinstance(item, Function) or not is_public(item.name):
            continue
        decorated = exempt & set(map(name_of, item.decorator_list))
        if not decorated and item.name not in port_methods():
            yield item


def undocumented(path: Path) -> Iterator[str]:
    if not ast.get_docstring(tree(path)):
        yield f"{place(path)} (the module)"
    for node in tree(path).body:
        if not isinstance(node, ast.ClassDef | Function) or not is_public(node.name):
            continue
        if not ast.get_docstring(node):
            yield f"{place(path, node)} {node.name}"
        if isinstance(node, ast.ClassDef):
            for method in methods_to_document(node):
                if not ast.get_docstring(method) and not inherits_docstring(node, method.name):
                    yield f"{place(path, method)} {node.name}.{method.name}"


def test_what_is_public_says_what_it_does() -> None:
    offenders = (offender for path in sources(PACKAGE) for offender in undocumented(path))
    assert_none(offenders, "These need a docstring (shapes, units, errors):")


# Dead modules.


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Every name that a module imports; some are of modules, some of things within."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_is_used() -> None:
    used = {name for path in sources(PACKAGE) for name in imports(path)}
    modules = (
        path
        for path in sources(PACKAGE)
        if path.name != "__init__.py" and not module_name(path).startswith(DESKTOP)
    )
    offenders = (place(path) for path in modules if module_name(path) not in used | ENTRY_POINTS)
    assert_none(offenders, "No module of realizefs imports these: use them or remove them.")


def test_every_layer_lists_its_modules() -> None:
    rule = "The docstring of the layer's __init__ lists its modules in reading order; it lacks:"
    offenders = (
        place(path)
        for path in sources(PACKAGE)
        if path.parent.parent == PACKAGE and path.name != "__init__.py"
        if path.stem not in re.findall(r"\w+", sources(PACKAGE)[path.parent / "__init__.py"])
    )
    assert_none(offenders, rule)


# Databases belong to who is handed them.


def calls_of(path: Path, names: set[str]) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            yield f"{place(path, node)} {ast.unparse(node.func)}"


def test_only_the_composition_root_opens_databases() -> None:
    offenders = [
        offender
        for path in sources(PACKAGE)
        for offender in calls_of(path, {"Environment", "env.Environment"})
        if path.parent != PACKAGE / "daemon"
    ]
    offenders += [
        offender
        for path in sources(PACKAGE)
        for offender in calls_of(path, {"lmdb.open", "lmdb.Environment"})
        if path != PACKAGE / "store" / "dbdir.py"
    ]
    assert_none(offenders, "A subsystem is handed its Environment, which daemon/ opens:")


def test_only_the_store_names_tables() -> None:
    schemas = {f"realizefs.store.schema.{kind}_SCHEMA" for kind in ("ARENA", "GLOBAL")}
    offenders = (
        f"{place(path)} imports {name}"
        for path in sources(PACKAGE)
        if path.parent != PACKAGE / "store"
        for name in imports(path)
        if name.startswith("realizefs.store.schema.") and name not in schemas
    )
    assert_none(offenders, "What a table holds is asked of the subsystem that owns it:")


# Tests wait for events and run everywhere.


def calls(path: Path) -> Iterator[tuple[ast.expr, str]]:
    """Every use of a dotted name `a.b`, and every `from a import b` as the same."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            yield node, f"{name_of(node.value)}.{node.attr}"


def uses(names: set[str]) -> Iterator[str]:
    for path in sources(TESTS):
        for name in names & set(imports(path)):
            yield f"{place(path)} imports {name}"
        for node, name in calls(path):
            if name in names:
                yield f"{place(path, node)} {name}"


def test_tests_wait_for_events_not_for_time() -> None:
    assert_none(uses({"time.sleep"}), "Wait for what happens, or use a fake clock:")


def test_tests_are_never_skipped() -> None:
    names = {"mark.skip", "mark.skipif", "pytest.importorskip", "pytest.skip", "unittest.skip"}
    rule = "A test that can't run fails and says what to do (see the `fuse` fixture):"
    assert_none(uses(names), rule)


def test_top_level_holds_only_what_a_reader_expects() -> None:
    git = ["git", "-c", f"safe.directory={ROOT}"]  # whoever owns the checkout may not run this
    command = [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    entries = {path.split("/")[0] for path in listed.split("\0") if path}
    offenders = sorted(name for name in entries - TOP_LEVEL if not name.startswith("."))
    assert_none(offenders, "These don't belong at the top level of the checkout:")
