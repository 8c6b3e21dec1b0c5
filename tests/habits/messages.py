"""A message's words and its translation, singular and plural alike."""

from babel.messages.catalog import Message


def words(message: Message) -> tuple[str, ...]:
    return tuple(str(word) for word in (message.id if isinstance(message.id, list | tuple) else [message.id]))


def said(message: Message) -> tuple[str, ...]:
    found = message.string if isinstance(message.string, list | tuple) else [message.string]
    return tuple(str(word or "") for word in found)
