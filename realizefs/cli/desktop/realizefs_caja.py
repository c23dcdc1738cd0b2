"""RealizeFS in Caja: emblems and menu entries. See realizefs_states."""

import realizefs_states as states
from gi.repository import Caja, GObject

RealizeFS = states.provider(Caja, GObject.GObject)
