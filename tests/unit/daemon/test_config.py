"""config.toml: its values, its one sentence when it is wrong, and changes that keep the rest."""

from pathlib import Path

import pytest

from realizefs.daemon.cache_config import CacheConfig
from realizefs.daemon.config import DEFAULT_LISTEN, ArenaConfig, LanConfig
from realizefs.daemon.config_edit import add_arena, set_arena, write_home
from realizefs.daemon.config_lines import line_of
from realizefs.daemon.config_reading import read_config
from realizefs.daemon.safety_config import SafetyConfig
from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.errors import BadConfig, Misuse, NotFound
from realizefs.model.ids import ArenaId
from realizefs.model.marks import Mark
from realizefs.model.upgrade import Upgrade

ARENA = ArenaConfig(
    "photos",
    ArenaId(b"0123456789abcdef"),
    Path("/srv/photos"),
    Mark.OWN,
    CacheConfig(Amount(10 * 2**30), Amount(5, percent=True)),
)

FULL = """\
# mine
name = "desk"            # the big one
listen = ["localhost:0"]

[[arena]]
name = "photos"
id = "30313233343536373839616263646566"
root = "~/photos"
mark = "keep"
cache = { max = "1.5GiB", leave = "2.5%" }
state = "/srv/state"

[[arena]]
name = "home/docs"
id = "30313233343536373839616263646567"
root = "/srv/docs"
cache_max = 5

[mount]
no_fetch = ["updatedb"]
allow_other = true
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_a_missing_file_is_all_defaults(path: Path) -> None:
    config = read_config(path)
    assert config.listen == DEFAULT_LISTEN
    assert config.arenas == ()
    assert "updatedb" in config.mount.no_fetch


def test_every_key_is_read(path: Path) -> None:
    path.write_text(FULL)
    config = read_config(path)
    photos, docs = config.arenas
    assert (config.name, config.listen) == ("desk", ("localhost:0",))
    assert photos.root == Path("~/photos").expanduser()
    assert photos.mark is Mark.KEEP
    assert photos.cache == CacheConfig(Amount(3 * 2**29), Amount(2.5, percent=True))
    assert photos.state == Path("/srv/state")
    assert (docs.mark, docs.state) == (Mark.WATCH, None)
    assert docs.cache == CacheConfig(Amount(5)), "cache_max is what it was called before"
    assert config.mount.no_fetch == ("updatedb",)
    assert config.mount.allow_other


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ('name = "desk"', "name = 3", 2, '"name"'),
        ('listen = ["localhost:0"]', 'listen = "localhost:0"', 3, '"listen"'),
        ('listen = ["localhost:0"]', 'lsten = ["localhost:0"]', 3, '"lsten"'),
        ('mark = "keep"', 'mark = "nonsense"', 9, '"arena.mark"'),
        ('"1.5GiB"', '"lots"', 10, '"arena.cache.max" is refused: "lots" is neither'),
        ('"2.5%"', '"100.5%"', 10, '"arena.cache.leave" is refused: "100.5%" is more than'),
        ('"2.5%"', '"-1%"', 10, '"arena.cache.leave"'),
        ('"2.5%"', "true", 10, '"arena.cache.leave" must be a size'),
        ("leave =", "least =", 10, '"arena.cache.least"'),
        ('{ max = "1.5GiB", leave = "2.5%" }', '"1GiB"', 10, '"arena.cache" must be a table'),
        ("cache_max = 5", "cache_max = -5", 17, '"arena.cache_max"'),
        ("cache_max = 5", "cache_max = 5\ncache = {}", 17, '"arena.cache_max" is what "cache"'),
        ("cache_max = 5", "[arena.cache]\nmax = false", 18, '"arena.cache.max"'),
        ('root = "/srv/docs"', 'root = "docs"', 16, '"arena.root"'),
        ('root = "/srv/docs"', "", 13, '"arena.root"'),
        ('name = "home/docs"', 'name = "photos/docs"', 14, '"arena.name"'),
        ('name = "home/docs"', 'name = "../docs"', 14, '"arena.name"'),
        ('6567"', '6566"', 15, '"arena.id"'),
        ('6567"', '65"', 15, '"arena.id"'),
        ("allow_other = true", 'allow_other = "yes"', 21, '"mount.allow_other"'),
        ("allow_other = true", "others = true", 21, '"mount.others"'),
        ("cache_max = 5", "cache_max 5", 17, '"cache_max 5"'),
        ("cache_max = 5", "cache_max = ", 17, '"cache_max"'),
        ("allow_other = true", "allow_other = [", 21, '"allow_other"'),
        ('[[arena]]\nname = "photos"', '[arena]\nname = "photos"', 13, '"[[arena]]"'),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(
    path: Path, old: str, new: str, line: int, key: str
) -> None:
    assert old in FULL
    path.write_text(FULL.replace(old, new))
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}, line {line}: ")
    assert key in sentence
    assert "\n" not in sentence


def test_bytes_that_are_not_text_are_said_with_their_line(path: Path) -> None:
    path.write_bytes(b'name = "desk"\n# \xff\n')
    with pytest.raises(BadConfig, match=r"line 2: this is not UTF-8"):
        read_config(path)


def test_a_line_is_that_of_the_nearest_thing_that_can_be_found() -> None:
    text = "mount = {no_fetch = 3}\n"
    assert line_of(text, ("mount", "no_fetch")) == 1


def test_changes_keep_comments_and_other_arenas(path: Path) -> None:
    path.write_text(FULL)
    set_arena(path, "home/docs", Mark.OWN, CacheConfig(Amount(2**30)), SafetyConfig())
    write_home(path, "tower", ("localhost:1",))
    text = path.read_text()
    assert "# mine" in text
    assert "# the big one" in text
    config = read_config(path)
    assert (config.name, config.listen) == ("tower", ("localhost:1",))
    assert (config.arenas[1].mark, config.arenas[1].cache.max) == (Mark.OWN, Amount(2**30))
    assert config.arenas[0].state == Path("/srv/state")


def test_the_old_name_of_the_limit_becomes_the_new_one_when_it_is_changed(path: Path) -> None:
    path.write_text(FULL)
    set_arena(path, "home/docs", Mark.OWN, CacheConfig(), SafetyConfig())
    assert "cache_max = 5" in path.read_text(), "nothing of it was changed"
    set_arena(path, "home/docs", None, CacheConfig(leave=Amount(1, percent=True)), SafetyConfig())
    text = path.read_text()
    assert "cache_max" not in text
    assert 'cache = {max = 5, leave = "1%"}' in text
    assert read_config(path).arenas[1].cache == CacheConfig(Amount(5), Amount(1, percent=True))
    set_arena(path, "photos", None, CacheConfig(Amount(20, percent=True)), SafetyConfig())
    photos = read_config(path).arenas[0]
    assert photos.cache == CacheConfig(Amount(20, percent=True), Amount(2.5, percent=True))


def test_a_cache_that_nobody_limited_is_a_small_part_of_its_disk() -> None:
    nothing = CacheConfig()
    small, big = 20 * 2**30, 2**42
    assert nothing.limits(small) == CacheLimits(Amount(small // 10), Amount(small // 100))
    assert nothing.limits(big) == CacheLimits(Amount(10 * 2**30), Amount(2**30))
    half = CacheConfig(Amount(50, percent=True), Amount(0)).limits(big)
    assert (half.max.of(big), half.leave.of(big)) == (2**41, 0)


def test_an_arena_that_was_added_is_read_again(path: Path) -> None:
    write_home(path, "desk", ("localhost:0",))
    add_arena(path, ARENA)
    assert read_config(path).arenas == (ARENA,)


def test_a_change_that_would_break_the_file_leaves_it(path: Path) -> None:
    add_arena(path, ARENA)
    before = path.read_bytes()
    with pytest.raises(BadConfig):
        add_arena(path, ARENA)
    with pytest.raises(NotFound):
        set_arena(path, "films", Mark.OWN, CacheConfig(), SafetyConfig())
    assert path.read_bytes() == before


def test_a_root_that_is_not_text_is_refused(path: Path) -> None:
    odd = ArenaConfig("odd", ARENA.id, Path("/srv/\udcff"))
    with pytest.raises(Misuse, match="isn't UTF-8"):
        add_arena(path, odd)


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text('name = "desk"\n')
    path.symlink_to(real)
    write_home(path, "tower", ())
    assert path.is_symlink()
    assert read_config(real).name == "tower"


@pytest.mark.parametrize(
    ("said", "copies"), [("", 1), ("min_copies = 3", 3), ("min_copies = 100", 100)]
)
def test_how_many_others_must_own_what_is_given_up(path: Path, said: str, copies: int) -> None:
    path.write_text(FULL.replace("cache_max = 5", f"cache_max = 5\n{said}"))
    assert read_config(path).arenas[-1].safety.copies_elsewhere == copies


@pytest.mark.parametrize("said", ["0", "101", "-1", "true", '"2"', "1.5"])
def test_no_number_of_copies_is_refused_with_its_key(path: Path, said: str) -> None:
    path.write_text(FULL.replace("cache_max = 5", f"min_copies = {said}"))
    with pytest.raises(BadConfig, match="min_copies"):
        read_config(path)


def test_the_local_network_is_taken_part_in_unless_somebody_says_otherwise(path: Path) -> None:
    assert read_config(path).lan == LanConfig(announce=True, discover=True)
    path.write_text("[lan]\nannounce = false\n")
    assert read_config(path).lan == LanConfig(announce=False, discover=True)
    for wrong in ("lan = 1", "[lan]\nannounce = 1", "[lan]\nbrowse = true"):
        path.write_text(wrong)
        with pytest.raises(BadConfig, match="line"):
            read_config(path)


def test_upgrades_are_copied_unless_it_says_otherwise(path: Path) -> None:
    assert read_config(path).upgrade is Upgrade.COPY
    for each in Upgrade:
        path.write_text(f'upgrade = "{each.value}"\n')
        assert read_config(path).upgrade is each
    for wrong in ('upgrade = "always"', "upgrade = 1"):
        path.write_text(wrong + "\n")
        with pytest.raises(BadConfig, match="line 1"):
            read_config(path)
