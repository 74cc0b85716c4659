# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a case is: the files of one model's folder, how it is opened, and what must come of it."""
import dataclasses

from checkpoint import SOUND_CARD, VARIANT

REFUSED, ACCEPTED, EITHER = "refused", "accepted", "either"


@dataclasses.dataclass
class Case:
    name: str
    weights: object = None  # bytes; a function that writes to a path; None = the sound file
    card: object = dataclasses.field(default_factory=lambda: SOUND_CARD)  # for json.dumps, or bytes; None = none
    labels: object = None  # bytes of a label file, or None
    expect: str = REFUSED
    variant: str = VARIANT  # None = whatever the card says
    make: object = None  # a function of the folder that makes what else there is
    model: str = "."  # what is opened, below the folder
    names: tuple = ()  # a refusal may name one of these instead of the folder


def sparse(head, size):
    """A writer of a file of @size bytes that begins with @head; the others take no room on a disk."""
    def write(path):
        with open(path, "wb") as out:
            out.write(head)
            out.truncate(size)
    return write
