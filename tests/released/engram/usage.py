"""Options and usage errors as clap writes them: exit status 2."""

import sys

COMMANDS = ["start", "stop", "status", "memory", "space", "config", "shell", "benchmark", "docs", "query", "backup",
            "restore", "diagnose", "migrate", "validate"]
HELP = "Engram cognitive graph database\n\nUsage: engram [OPTIONS] <COMMAND>\n\nCommands:\n" + "".join(
    f"  {name}\n" for name in [*COMMANDS, "help"]) + (
    "\nOptions:\n  -l, --log-level <LOG_LEVEL>\n  -h, --help\n  -V, --version\n")


def fail(message, command=None):
    usage = f"engram {command} [OPTIONS]" if command else "engram [OPTIONS] <COMMAND>"
    sys.stderr.write(f"{message}\n\nUsage: {usage}\n\nFor more information, try '--help'.\n")
    sys.exit(2)


def parse(command, arguments, short, with_value, flags=(), positional=0):
    """The options by their long names; what is none, up to `positional` many, under the key None."""
    found, rest = {None: []}, list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        name = short.get(name, name)
        if name in with_value:
            if not equals:
                if not rest:
                    fail(f"error: a value is required for '{name} <VALUE>' but none was supplied", command)
                value = rest.pop(0)
            found[name] = value
        elif name in flags:
            found[name] = True
        elif not word.startswith("-") and len(found[None]) < positional:
            found[None].append(word)
        else:
            fail(f"error: unexpected argument '{word}' found", command)
    return found
