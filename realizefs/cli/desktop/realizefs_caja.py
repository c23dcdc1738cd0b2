"""RealizeFS in Caja: emblems and menu entries. See realizefs_states."""

import realizefs_shown
import realizefs_states as states
from gi.repository import Caja, Gio, GLib, GObject

RealizeFS = states.provider(Caja, GObject.GObject, realizefs_shown.Shown(states.Eyes(Gio, GLib)))
