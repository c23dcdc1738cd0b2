"""realizefs rule: marks by name, size and age, as a person makes and sees them."""

import os

from tests.household.machines import Pair
from tests.household.waiting import until

EFFECTIVE = "user.realize.mark.effective"


def test_a_rule_from_its_making_to_its_end(pair: Pair) -> None:
    pdf, large = pair.write("papers/a.pdf", b"a" * 100), pair.write("papers/large.pdf", b"a" * 9999)
    assert pair.bob.ask("rule", "list") == "There are no rules."
    made = pair.bob.ask("rule", "add", "keep", "*.pdf", "--max-size", "5K", "--below", pdf.parent)
    assert made == 'Rule 1 of arena "docs": keep "*.pdf", 5 KiB at most.'
    until(lambda: pair.bob.info(pdf)["status"] == "cached", "it is kept")
    told = pair.bob.info(pdf)
    assert (told["mark"], told["explicit"], told["mark_from"]) == ("keep", False, None)
    assert told["rule"] == 'rule 1: keep "*.pdf", 5 KiB at most, in papers'
    assert os.getxattr(pdf, EFFECTIVE) == b"keep"
    assert os.getxattr(large, EFFECTIVE) == b"watch"
    shown = pair.bob.ask("mark", "get", pdf)
    assert shown == 'keep (rule 1: keep "*.pdf", 5 KiB at most, in papers)'
    tested = pair.bob.ask("rule", "test", pdf, large).splitlines()
    assert tested == [
        'papers/a.pdf: keep (rule 1: keep "*.pdf", 5 KiB at most, in papers)',
        'papers/large.pdf: watch (the default of arena "docs")',
    ]
    listed = pair.bob.ask_json("rule", "list")
    assert [(one["number"], one["below"], one["max_size"]) for one in listed] == [
        (1, "papers", 5120)
    ]
    assert "papers" in pair.bob.ask("rule", "list")
    pair.bob.ask("rule", "remove", "1")
    until(lambda: os.getxattr(pdf, EFFECTIVE) == b"watch", "it counts no more")
    assert pair.bob.run("check").status == 0


def test_what_makes_no_sense_is_refused_in_a_sentence(pair: Pair) -> None:
    file = pair.write("refused", b"refused")
    for words, said in (
        (("keep", "!x"), "can't be the pattern of a rule"),
        (("keep", "x", "--max-size", "much"), "is not a size"),
        (("keep", "x", "--newer", "soon"), "is no length of time"),
        (("keep", "x", "--newer", "1d", "--older", "2d"), "No file is as new"),
        (("keep", "x", "--min-size", "2M", "--max-size", "1M"), "No file is as large"),
        (("hold", "x"), "is not a mark"),
        (("keep", "x", "--arena", "none"), "There is no arena called"),
        (("keep", "x", "--below", str(file)), "is no folder"),
    ):
        assert said in pair.bob.refused("rule", "add", *words), words
    assert "There is no rule 99" in pair.bob.refused("rule", "remove", "99")
    assert "is not the number of a rule" in pair.bob.refused("rule", "remove", "first")
    assert pair.bob.ask_json("rule", "list") == []
