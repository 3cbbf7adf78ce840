"""A double of the program Engram 0.1.0, written after engram-contract.md; see README.md beside this folder.

Here: the command line, in clap's manner. `start` becomes a process that is called engram.
"""

import ctypes
import os
import sys

import client
import config
import usage

VERSION = "engram 0.1.0"
PR_SET_NAME = 15


def become_engram(arguments):
    """An interpreted program has its interpreter's name; lsof, pgrep and the scripts look for the program's."""
    with open("/proc/self/cmdline", "rb") as file:
        name = file.read().split(b"\0")[0]
    if os.path.basename(name) != b"engram":
        # With the interpreter's own folder, or it does not find its library.
        shown = os.path.join(os.path.dirname(sys.executable), "engram")
        os.execv(sys.executable, [shown, "-I", sys.argv[0], *arguments])
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"engram", 0, 0, 0)


def start(arguments, level):
    options = usage.parse("start", arguments[1:], {"-p": "--port", "-g": "--grpc-port"}, ["--port", "--grpc-port"])
    ports = {}
    for name, default in [("--port", 7432), ("--grpc-port", 50051)]:
        value = options.get(name, str(default))
        if not (value.isdigit() and int(value) < 65536):
            usage.fail(f"error: invalid value '{value}' for '{name} <{name[2:].upper().replace('-', '_')}>': "
                       "invalid digit found in string")
        ports[name] = int(value)
    become_engram((["--log-level", level] if level else []) + arguments)
    import server
    return server.run(config.load(), ports["--port"], ports["--grpc-port"], level or "info")


def main():
    arguments, level = sys.argv[1:], None
    while arguments[:1] and arguments[0] in ("-l", "--log-level"):
        if len(arguments) < 2:
            usage.fail("error: a value is required for '--log-level <LOG_LEVEL>' but none was supplied")
        level, arguments = arguments[1], arguments[2:]
    if not arguments or arguments[0] in ("help", "-h", "--help"):
        (sys.stdout if arguments else sys.stderr).write(usage.HELP)
        return 0 if arguments else 2
    command = arguments[0]
    if command in ("-V", "--version"):
        print(VERSION)
        return 0
    if command not in usage.COMMANDS:
        usage.fail(f"error: unrecognized subcommand '{command}'")
    if "--help" in arguments[1:] or "-h" in arguments[1:]:
        sys.stdout.write(f"Usage: engram {command} [OPTIONS]\n")
        return 0
    try:
        if command == "start":
            return start(arguments, level)
        return client.run(command, arguments[1:], config.load())
    except config.Fatal as fatal:
        sys.stderr.write(fatal.text())
        return 1


if __name__ == "__main__":
    sys.exit(main())
