"""Whether text names a meter: its id as a whole word, never as a part of another id, a number or a date."""

import re


def names(meter_id: str) -> re.Pattern[str]:
    """Return the pattern of a meter's id, which PostgreSQL reads as Python does."""
    return re.compile(rf"(?<![\w-]){re.escape(meter_id)}(?![\w-])")


def names_in_bytes(meter_id: str, encoding: str) -> re.Pattern[bytes]:
    """Return the pattern of a meter's id in the bytes of an encoding, of UTF-8 and of UTF-16, without byte order marks.

    Two bytes beside what it finds decide whether that is a whole word.
    """
    word = rb"[\w-]"
    narrow = ["utf-8", *([] if encoding.startswith("utf-16") else [encoding])]
    encoded = {meter_id.encode(each, "ignore") for each in narrow} - {b""}
    found = [rb"(?<!%b)%b(?!%b)" % (word, re.escape(each), word) for each in sorted(encoded)]
    little, big = (re.escape(meter_id.encode(f"utf-16-{order}")) for order in ("le", "be"))
    found += [rb"(?<!%b\0)%b(?!%b\0)" % (word, little, word), rb"(?<!\0%b)%b(?!\0%b)" % (word, big, word)]
    return re.compile(b"|".join(found))
