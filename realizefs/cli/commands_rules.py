"""Commands about rules: marks for files by name, size and age."""

import os
from typing import Any

import click

from realizefs.cli.commands_paths import shown_mark
from realizefs.cli.options import Group, Session, json_option, pass_session
from realizefs.cli.render import show_json, show_line, show_table


@click.group(cls=Group)
def rule() -> None:
    """Rules: marks for files by name, size and age.

    \b
    A rule is as a mark on its folder (--below; the whole arena unless said) that is particular about
    which files it is for: it counts before a mark on that folder, up to the next mark or fitting rule
    below. Of two for one folder the later counts. A mark on a file itself always counts.
    """


@rule.command("add")
@click.argument("mark", metavar="MARK")
@click.argument("pattern", default="*")
@click.option("--max-size", metavar="SIZE", help="Only files of this size at most: 20M, 4GiB.")
@click.option("--min-size", metavar="SIZE", help="Only files of this size at least.")
@click.option("--newer", metavar="TIME", help="Only files changed in the last 30d, 12h, 2w.")
@click.option("--older", metavar="TIME", help="Only files not changed for so long.")
@click.option("--arena", metavar="ARENA", help="In which arena, where there are several.")
@click.option("--below", metavar="PATH", help="Only files in this folder, at any depth.")
@json_option
@pass_session
def rule_add(
    session: Session, /, mark: str, pattern: str, as_json: bool, **options: str | None
) -> None:
    """Let MARK (own, keep or watch) count for the files that PATTERN names; all, unless said.

    A PATTERN is as in .realizeignore: `*.pdf` means such files at any depth, `/scans/*.pdf` those right
    in that folder.

    \b
    Example:
        realizefs rule add keep '*.pdf' --max-size 20M
        realizefs rule add keep --newer 30d --below ~/Photos
        realizefs rule add watch --min-size 4G
    """
    below = options["below"]
    options["below"] = os.path.abspath(below) if below is not None else None
    asked = {"mark": mark, "pattern": pattern, **options}
    made: Any = session.client().ask("rule-add", asked)
    if as_json:
        show_json(made)
    else:
        show_line(f'Rule {made["number"]} of arena "{made["arena"]}": {made["rule"]}.')


@rule.command("list")
@click.option("--arena", metavar="ARENA", help="Of this arena only.")
@json_option
@pass_session
def rule_list(session: Session, arena: str | None, as_json: bool) -> None:
    """List the rules in the order in which they were made; for one folder the later counts.

    \b
    Example:
        realizefs rule list
    """
    found: Any = session.client().ask("rule-list", {"arena": arena})
    if as_json:
        show_json(found)
        return
    rows = [
        (one["arena"], str(one["number"]), one["rule"], one["below"] or "(a folder that is gone)")
        for one in found
    ]
    show_table(("ARENA", "NUMBER", "RULE", "BELOW"), rows, "There are no rules.")


@rule.command("remove")
@click.argument("number", metavar="NUMBER")
@click.option("--arena", metavar="ARENA", help="In which arena, where there are several.")
@json_option
@pass_session
def rule_remove(session: Session, number: str, arena: str | None, as_json: bool) -> None:
    """Remove the rule that `rule list` shows as NUMBER.

    \b
    Example:
        realizefs rule remove 2
    """
    gone: Any = session.client().ask("rule-remove", {"number": number, "arena": arena})
    if as_json:
        show_json(gone)
    else:
        show_line(f'Rule {gone["number"]} of arena "{gone["arena"]}" is removed: {gone["rule"]}.')


@rule.command("test")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
@pass_session
def rule_test(session: Session, paths: tuple[str, ...], as_json: bool) -> None:
    """Say which mark counts for each PATH, and which rule, or what else, it comes from.

    \b
    Example:
        realizefs rule test ~/Photos/scans/*.pdf
    """
    absolute = [os.path.abspath(path) for path in paths]
    found: Any = session.client().ask("rule-test", {"paths": absolute})
    if as_json:
        show_json(found)
        return
    for one in found:
        show_line(f"{one['path']}: {shown_mark(one)}")
