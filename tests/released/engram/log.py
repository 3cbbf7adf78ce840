"""Log lines on stdout as tracing's FmtSubscriber writes them: coloured everywhere, unless NO_COLOR is set."""

import datetime
import os
import sys
import threading

LEVELS = {"trace": 0, "debug": 1, "info": 2, "warn": 3, "error": 4}
COLOURS = {"info": 32, "warn": 33, "error": 31}
threshold = LEVELS["info"]
_lock = threading.Lock()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def line(level, target, message, **fields):
    if LEVELS[level] < threshold:
        return
    name = level.upper().rjust(5)
    if os.environ.get("NO_COLOR"):
        text = f"{now()} {name} {target}: {message}" + "".join(f" {key}={value}" for key, value in fields.items())
    else:
        text = (f"\x1b[2m{now()}\x1b[0m \x1b[{COLOURS[level]}m{name}\x1b[0m \x1b[2m{target}\x1b[0m\x1b[2m:\x1b[0m {message}"
                + "".join(f" \x1b[3m{key}\x1b[0m\x1b[2m=\x1b[0m{value}" for key, value in fields.items()))
    plain(text)


def plain(text):
    """A line without time and level; the program prints some with println."""
    with _lock:
        try:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        except OSError:
            # A full disk, or nobody who reads: the service goes on.
            pass


def info(target, message, **fields):
    line("info", target, message, **fields)


def warn(target, message, **fields):
    line("warn", target, message, **fields)


def error(target, message, **fields):
    line("error", target, message, **fields)
