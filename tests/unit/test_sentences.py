"""Every error is one sentence, for a person: the tree of errors is walked, and all that raises one."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import realizefs
from realizefs.model.errors import RealizeError

TOP = Path(realizefs.__file__).parent
LENGTH_MAX = 260
"""Characters of a sentence without what is filled in."""


CLAUSES = {"ProtocolFault", "WrongBytes"}
"""What another side did: it always stands behind that one's name."""

COMPOSED = {"BadPath", "BadMark"}
"""Those that make their sentence of what they are given."""


def tree(top: type[RealizeError]) -> Iterator[type[RealizeError]]:
    yield top
    for below in top.__subclasses__():
        yield from tree(below)


def load_all() -> None:
    for module in pkgutil.walk_packages([str(TOP)], "realizefs."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def text(node: ast.expr) -> str | None:
    """A literal, with {} for what is filled in; None where it is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text(node.left), text(node.right)
        return None if left is None or right is None else left + right
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return text(node.func.value) if node.func.attr == "rstrip" else None
    return None


def raised(names: set[str]) -> Iterator[tuple[str, str]]:
    """Where, and the sentence."""
    for path in sorted(TOP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            for argument in node.args if name in names else []:
                sentence = text(argument)
                if sentence is not None and " " in sentence:
                    yield f"{path.relative_to(TOP.parent)}:{node.lineno} {name}", sentence


def faults(error: str, sentence: str) -> list[str]:
    found = []
    first, bare = sentence[0], sentence.replace("{}", "")
    if error not in CLAUSES and not (first.isupper() or first in '"{`'):
        found.append("doesn't begin as a sentence")
    # Filled in at the end is the sentence of what led to it.
    if not sentence.endswith((".", "?", "{}")) or sentence.endswith(".."):
        found.append("doesn't end with a full stop")
    if "\n" in sentence or "  " in sentence:
        found.append("isn't one line")
    if len(bare) > LENGTH_MAX:
        found.append("is longer than anybody reads")
    if "Errno" in bare or "errno" in bare or "Traceback" in bare:
        found.append("speaks to programmers")
    return found


def test_each_error_has_a_number_and_a_status_and_says_what_it_is() -> None:
    load_all()
    for error in tree(RealizeError):
        assert error.__doc__, error
        assert error.errno > 0, error
        assert error.exit_status in (1, 2), error


def test_each_is_one_sentence() -> None:
    load_all()
    names = {error.__name__ for error in tree(RealizeError)} - COMPOSED
    sentences = list(raised(names))
    assert len(sentences) > 200
    wrong = [
        f"{where}: {sentence!r} {fault}"
        for where, sentence in sentences
        for fault in faults(where.rsplit(" ", 1)[1], sentence)
    ]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)
