"""The part of jeepney that is used here; it has no types of its own."""

from enum import Enum
from typing import Any

class MessageType(Enum):
    method_call = 1
    method_return = 2
    error = 3
    signal = 4

class Header:
    message_type: MessageType

class Message:
    header: Header
    body: tuple[Any, ...]

class DBusAddress:
    object_path: str
    bus_name: str
    interface: str
    def __init__(self, object_path: str, bus_name: str = ..., interface: str = ...) -> None: ...

class DBusErrorResponse(Exception): ...

class Properties:
    def __init__(self, obj: DBusAddress) -> None: ...
    def get(self, name: str) -> Message: ...

class _MessageBus:
    def RequestName(self, name: str) -> Message: ...

message_bus: _MessageBus

def new_error(parent: Message, error_name: str) -> Message: ...
def new_method_return(parent: Message, signature: str, body: tuple[Any, ...]) -> Message: ...
