"""The bounds of what happens on the local network, beside those in `limits`."""

NEIGHBOURS_MAX = 256
"""Announcements that are remembered: as many as a household has peers."""

NEIGHBOUR_ADDRESSES_MAX = 4
"""Addresses of one announcement, and of a peer by all its announcements, that are taken: a machine on
cable and wireless has one of each family on both; whoever announces lies has no more dialled."""

LAN_RETRY_SECONDS = 60.0
"""Seconds between tries where the network can't be asked: a change of addresses is tried at once."""

FOUND_SECONDS = 2.0
"""Seconds in which a peer that is announced makes for new tries to reach it once at most: who announces
and withdraws in turn, a thousand times a second, has nobody dialled more often."""
