"""D-Bus over trio."""

from contextlib import AbstractAsyncContextManager

from jeepney import Message

class DBusRouter:
    async def send_and_get_reply(self, message: Message) -> Message: ...

def open_dbus_router(bus: str = ...) -> AbstractAsyncContextManager[DBusRouter]: ...
