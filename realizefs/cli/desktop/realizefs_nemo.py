"""RealizeFS in Nemo: emblems and menu entries. See realizefs_states."""

import realizefs_states as states
from gi.repository import GObject, Nemo

RealizeFS = states.provider(Nemo, GObject.GObject)
