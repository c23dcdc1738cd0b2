"""RealizeFS in Nautilus: emblems and menu entries. See realizefs_states."""

import realizefs_shown
import realizefs_states as states
from gi.repository import Gio, GLib, GObject, Nautilus

RealizeFS = states.provider(
    Nautilus, GObject.GObject, realizefs_shown.Shown(states.Eyes(Gio, GLib))
)
