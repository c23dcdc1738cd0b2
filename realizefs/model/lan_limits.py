"""The bounds of what happens on the local network, beside those in `limits`."""

NEIGHBOURS_MAX = 256
"""Announcements that are remembered: as many as a household has peers."""

NEIGHBOUR_ADDRESSES_MAX = 4
"""Addresses of one announcement, and of a peer by all its announcements, that are taken: a machine on
cable and wireless has one of each family on both; whoever announces lies has no more dialled."""

LAN_RETRY_SECONDS = 60.0
"""Seconds between tries where the network can't be asked: a change of addresses is tried at once."""

CACHED_MAX = 5_000
"""Records of others that the library may have cached; of 10,000 it drops those first that are soonest out
of date, and that are those of whoever has just come, while lies may be good for weeks. A big office
has some hundred."""

CACHED_LOOK_SECONDS = 30.0
"""Seconds between looks at how many they are: so long a flood, once over, is in the way."""

FOUND_SECONDS = 2.0
"""Seconds in which a peer that is announced makes for new tries to reach it once at most: who announces
and withdraws in turn, a thousand times a second, has nobody dialled more often."""

LOOK_SECONDS = 30.0
"""Seconds in which a machine that is open for pairing is looked for: its user may be on his way there."""

LOOK_FURTHER_SECONDS = 1.0
"""Seconds after the first that was found in which others are, too."""

PAIR_OPEN_SECONDS = 300
"""Seconds that a machine is open for pairing: enough to walk to the other one and start it."""

PAIR_SECONDS = 120.0
"""Seconds for two people to compare a code, and of one to walk between two machines."""

PAIR_JOIN_SECONDS = 60
"""Seconds that an invitation which came of pairing is good for: it is used at once."""

PAIR_TRIES_MAX = 5
"""Codes that are made while a machine is open for pairing: who stands between wins each with one in a
million, and an honest user needs one, or two."""
