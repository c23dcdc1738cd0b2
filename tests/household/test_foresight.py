"""`mark set --dry-run`: what would come or go, and that nothing does."""

import json

from tests.household.machines import Pair
from tests.household.waiting import until


def test_what_a_mark_would_bring_and_that_it_is_what_comes(own_pair: Pair) -> None:
    for number in range(3):
        own_pair.write(f"holiday/{number}", b"x" * 1000)
    own_pair.write("holiday/deep/film", b"y" * 5000)
    bob, folder = own_pair.bob, own_pair.mnt / "holiday"
    bob.ask("mark", "set", "watch", folder / "deep")
    (found,) = bob.ask_json("mark", "set", "--dry-run", "own", folder)
    assert found["real_fetched"] == {"files": 3, "bytes": 3000}
    assert found["unavailable"] == {"files": 0, "bytes": 0}
    assert found["fits"]
    said = bob.ask("mark", "set", "--dry-run", "own", folder)
    assert "docs: 3 files of 2.9 KiB would be fetched, and become plain files here." in said
    assert not (own_pair.root / "holiday").exists()
    bob.ask("mark", "set", "own", folder)
    until((own_pair.root / "holiday/2").exists, "they came")
    until(
        lambda: bob.ask_json("mark", "clear", "--dry-run", folder)[0]["leaves"]["files"] == 3,
        "three would leave",
    )
    assert not (own_pair.root / "holiday/deep/film").exists()


def test_what_does_not_fit_and_what_nobody_has_just_now(own_pair: Pair) -> None:
    own_pair.write("film", b"x" * (3 << 20))
    bob = own_pair.bob
    bob.ask("arena", "set", "docs", "--cache-max", "1MiB")
    done = bob.run("mark", "set", "--dry-run", "keep", own_pair.mnt / "film")
    assert done.status == 1
    assert "IT DOES NOT FIT" in done.out
    own_pair.alice.stop()
    until(lambda: not bob.connected(own_pair.alice), "bob has seen that alice is off")
    done = bob.run("mark", "set", "--dry-run", "keep", own_pair.mnt / "film", "--json")
    (found,) = json.loads(done.out)
    assert found["unavailable"] == {"files": 1, "bytes": 3 << 20}
