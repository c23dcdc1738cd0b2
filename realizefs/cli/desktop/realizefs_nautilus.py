"""RealizeFS in Nautilus: emblems and menu entries. See realizefs_states."""

import realizefs_states as states
from gi.repository import GObject, Nautilus


class RealizeFS(GObject.GObject, Nautilus.InfoProvider, Nautilus.MenuProvider):
    """What Nautilus asks."""

    def update_file_info(self, file):
        """The emblem of a file: two attributes, answered from the mount's index."""
        emblem = states.emblem_for(file)
        if emblem:
            file.add_emblem(emblem)

    def get_file_items(self, files):
        """The menu of a selection."""
        offered = states.offered_for(files)
        if not offered:
            return []
        top = Nautilus.MenuItem(name="RealizeFS::top", label="RealizeFS", tip="Where it is stored")
        menu = Nautilus.Menu()
        top.set_submenu(menu)
        for entry, do in offered:
            item = Nautilus.MenuItem(
                name="RealizeFS::" + entry.name, label=entry.label, tip=entry.tip
            )
            item.connect("activate", lambda _item, do=do: do())
            menu.append_item(item)
        return [top]
