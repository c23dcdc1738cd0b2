"""RealizeFS in Nautilus: emblems and menu entries. See realizefs_states."""

import realizefs_states as states
from gi.repository import GObject, Nautilus

RealizeFS = states.provider(Nautilus, GObject.GObject)
