"""A window with what `realizefs desktop tell` has to say: `realizefs_window.py TEXT [wrong]`.

Under the system's Python, with the GTK that what runs our extension in a file manager has brought along.
"""

import sys

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402 - once its version is said

first, _, rest = sys.argv[1].partition("\n")
kind = Gtk.MessageType.ERROR if "wrong" in sys.argv[2:] else Gtk.MessageType.INFO
window = Gtk.MessageDialog(message_type=kind, buttons=Gtk.ButtonsType.CLOSE, text=first)
window.set_title("RealizeFS")
window.format_secondary_text(rest.strip())
window.run()
