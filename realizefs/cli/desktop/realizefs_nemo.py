"""RealizeFS in Nemo: emblems and menu entries. See realizefs_states."""

import realizefs_shown
import realizefs_states as states
from gi.repository import Gio, GLib, GObject, Nemo

RealizeFS = states.provider(Nemo, GObject.GObject, realizefs_shown.Shown(states.Eyes(Gio, GLib)))
