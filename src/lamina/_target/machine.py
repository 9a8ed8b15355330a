"""Refuses to start a Python whose packages are compiled for another processor.

Without it the first such instruction would end the program, and no word would say why.
"""

import os


def check(march: str, needed: str, told: str = "/proc/cpuinfo") -> None:
    """End this program where the processor lacks one of ``needed``, words of Linux.

    Where it cannot be told what there is, it goes on.
    """
    try:
        # The first processor of many is enough; the kernel writes them one after the other.
        with open(told, "rb") as file:
            lines = file.read(16384).decode("ascii", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            missing = sorted(set(needed.split()).difference(flags.split()))
            if missing:
                text = "lamina: this Python's packages are compiled for {}; {} lacks {}\n"
                words = (march, "the processor of " + os.uname().nodename, ", ".join(missing))
                os.write(2, text.format(*words).encode())
                os._exit(2)
            return
