"""Every command with --json says what it prints, field by field."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from realizefs.cli.commands_schema import SCHEMAS, schemas
from realizefs.cli.main import run
from tests.fakes.schemas import check_answers, commands_with_json


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """It and all that is in it."""
    if isinstance(schema, dict):
        yield schema
        for each in schema.values():
            yield from parts(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from parts(each)


def test_every_command_with_json_has_a_schema_and_no_other_has() -> None:
    assert list(schemas()) == commands_with_json()
    assert {path.stem for path in SCHEMAS.iterdir()} == {
        command.replace(" ", "-") for command in commands_with_json()
    }


@pytest.mark.parametrize("command", commands_with_json())
def test_a_schema_is_one_and_leaves_nothing_open(command: str) -> None:
    """No object has fields that aren't in it: those whose fields are names of things say what they hold."""
    schema = schemas()[command]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["$id"] == f"urn:realizefs:{command.replace(' ', ':')}"
    assert schema["description"]
    for part in parts(schema):
        if part.get("type") == "object":
            more = part["additionalProperties"]
            assert more is False or ("properties" not in part and more), part
            for name, field in part.get("properties", {}).items():
                assert "description" in field or "$ref" in json.dumps(field), f"{name} says nothing"


def test_what_has_a_name_is_the_same_in_all_schemas() -> None:
    """A client has one class for it."""
    found: dict[str, set[str]] = {}
    for schema in schemas().values():
        for name, part in schema.get("$defs", {}).items():
            found.setdefault(name, set()).add(json.dumps(part))
    assert [name for name, forms in found.items() if len(forms) > 1] == []


def test_a_field_that_is_not_documented_is_refused() -> None:
    here = {"files": 1, "bytes": 2, "here": 3}
    assert check_answers(["du"], json.dumps({"real": here})) == [{"real": here}]
    for wrong in ({"real": {**here, "more": 4}}, {"unheard-of": here}, {"real": {"files": 1}}):
        with pytest.raises(AssertionError, match="what its schema doesn't have"):
            check_answers(["du"], json.dumps(wrong))


def test_schemas_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "mark", "set"]) == 0
    assert json.loads(capsys.readouterr().out) == schemas()["mark set"]
    assert run(["schema"]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n{command}  " in listed for command in commands_with_json())
    assert run(["schema", "mount"]) == 2
    assert '"mount" is no command that has --json' in capsys.readouterr().err
