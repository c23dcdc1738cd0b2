"""RealizeFS in Thunar: menu entries; its extensions can't set emblems. See realizefs_states."""

import realizefs_states as states
from gi.repository import GObject, Thunarx


class RealizeFS(GObject.GObject, Thunarx.MenuProvider):
    """What Thunar asks."""

    def get_file_menu_items(self, _window, files):
        """The menu of a selection."""
        offered = states.offered_for(files)
        if not offered:
            return []
        top = Thunarx.MenuItem(
            name="RealizeFS::top", label="RealizeFS", tooltip="Where it is stored", icon=""
        )
        menu = Thunarx.Menu()
        top.set_menu(menu)
        for entry, do in offered:
            name = "RealizeFS::" + entry.name
            item = Thunarx.MenuItem(name=name, label=entry.label, tooltip=entry.tip, icon="")
            item.connect("activate", lambda _item, do=do: do())
            menu.append_item(item)
        return [top]

    def get_folder_menu_items(self, _window, _folder):
        """Nothing for the folder that is shown."""
        return []
