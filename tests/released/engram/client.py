"""The commands but `start`: what they print, and with which status they end."""

import http.client
import json
import os
import pathlib
import signal
import sys
import time
import urllib.parse

import config
import log
import usage

SETTABLE = ["feature_flags.spreading_api_beta", "memory_spaces.default_space", "memory_spaces.bootstrap_spaces",
            "server.http_bind"]


def running():
    """(pid, port) of the PID file, if there is one that can be read."""
    try:
        pid, port = config.pid_file().read_text().split(":")
        return int(pid), int(port)
    except (OSError, ValueError):
        return None


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except OSError:
        return False


def ask(port, method, path, body=None, headers=None):
    """(status, body); None if nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        text = json.dumps(body) if body is not None else None
        connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def needed():
    found = running()
    if not found or not is_alive(found[0]):
        raise config.Fatal("No running Engram server found")
    return found[1]


def gone_within(pid, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not is_alive(pid):
            return True
        time.sleep(0.05)
    return False


def stop(arguments):
    usage.parse("stop", arguments, {"-f": "--force"}, [], ["--force"])
    found = running()
    if not found:
        print("❌ No running Engram server found")
        return 0
    pid, port = found
    if not is_alive(pid):
        log.warn("engram_cli::cli::server", f"Process {pid} not found, cleaning up files")
    else:
        ask(port, "POST", "/shutdown")
        log.info("engram_cli::cli::server", "Sent graceful shutdown signal")
        for number in (signal.SIGTERM, signal.SIGKILL):
            if gone_within(pid, 5):
                break
            os.kill(pid, number)
    config.pid_file().unlink(missing_ok=True)
    return 0


def status(arguments):
    options = usage.parse("status", arguments, {}, ["--space"], ["--json", "--watch"])
    found = running()
    alive = bool(found) and is_alive(found[0])
    if "--json" in options:
        answer = ask(found[1], "GET", "/health/alive") if alive else None
        health = "responsive" if answer else "unreachable" if alive else "process_dead" if found else "not_found"
        print(json.dumps({"config": {}, "status": "online" if answer else "offline", "health": health, "memory_count": 0,
                          "pid": found and found[0], "port": found and found[1], "process_running": alive,
                          "message": None}))
        return 0
    if not alive:
        print("Status: No running server found")
        return 0
    print(f"Status: running (PID {found[0]}, port {found[1]})")
    answer = ask(found[1], "GET", "/api/v1/system/health")
    if answer is None:
        print("HTTP Health: Unreachable")
    elif answer[0] == 200:
        print("HTTP Health: Healthy")
    else:
        print(f"HTTP Health: Unhealthy (status: {answer[0]} {http.client.responses[answer[0]]})")
    return 0


def space(arguments):
    if arguments[:1] not in (["list"], ["create"]):
        usage.fail("error: unrecognized subcommand", "space")
    port = needed()
    if arguments[0] == "create":
        answer = ask(port, "POST", "/api/v1/spaces", {"id": arguments[1]})
        if answer is None or answer[0] != 201:
            raise config.Fatal(f"Failed to create memory space '{arguments[1]}'")
        made = json.loads(answer[1])
        print(f"Memory space '{made['id']}' ready at {made['persistence_root']} (created at {made['created_at']})")
        return 0
    answer = ask(port, "GET", "/api/v1/spaces")
    print(f"{'ID':20} {'PERSISTENCE ROOT':40} CREATED AT")
    for one in json.loads(answer[1])["spaces"] if answer else []:
        print(f"{one['id']:20} {one['persistence_root']:40} {one['created_at']}")
    return 0


def config_command(arguments, settings):
    if arguments[:1] == ["path"]:
        print(config.path())
    elif arguments[:1] == ["list"]:
        usage.parse("config list", arguments[1:], {}, ["--section"])
        for name in ("feature_flags", "memory_spaces"):
            print(f"[{name}]")
            for key, value in settings[name].items():
                print(f"{key} = {json.dumps(value)}")
    elif arguments[:1] == ["get"] and len(arguments) == 2:
        if arguments[1] not in SETTABLE:
            raise config.Fatal(f"unknown configuration key '{arguments[1]}'")
        section, key = arguments[1].split(".")
        print(json.dumps(settings[section][key]).strip('"'))
    else:
        usage.fail(f"error: unrecognized subcommand '{(arguments or [''])[0]}'", "config")
    return 0


def validate(arguments):
    kind = (arguments or [""])[0]
    if kind == "config":
        options = usage.parse("validate config", arguments[1:], {"-f": "--file", "-d": "--deployment"},
                              ["--file", "--deployment"])
        file = pathlib.Path(options.get("--file", config.path()))
        if not file.exists():
            raise config.Fatal(f"Configuration file not found: {file}")
        try:
            config.read(file)
        except (ValueError, OSError) as error:
            raise config.Fatal("Configuration validation failed", str(error)) from error
        print("Configuration validation PASSED")
        return 0
    if kind == "data":
        usage.parse("validate data", arguments[1:], {"-s": "--space"}, ["--space"], ["--fix"])
        print("Data validation found issues")
        raise config.Fatal("Data validation found issues")
    usage.fail(f"error: unrecognized subcommand '{kind}'", "validate")
    return 2


def memory(arguments):
    """It sends a header that the server does not read: --space has no effect."""
    kind = (arguments or [""])[0]
    if kind not in ("create", "get", "search", "list", "delete"):
        usage.fail(f"error: unrecognized subcommand '{kind}'", "memory")
    options = usage.parse(f"memory {kind}", arguments[1:], {}, ["--space", "--limit"], positional=2)
    port, headers, words = needed(), {}, options[None]
    if "--space" in options:
        headers["X-Engram-Memory-Space"] = options["--space"]
    if kind == "create":
        answer = ask(port, "POST", "/api/v1/memories", {"content": " ".join(words)}, headers)
    elif kind == "list":
        answer = ask(port, "GET", "/api/v1/memories", None, headers)
    elif kind == "search":
        answer = ask(port, "GET", "/api/v1/memories/search?query=" + urllib.parse.quote(" ".join(words)), None, headers)
    else:
        answer = ask(port, "GET" if kind == "get" else "DELETE", f"/api/v1/memories/{''.join(words[:1])}", None, headers)
    print(answer[1].decode() if answer else "no answer")
    return 0


def wrapper(command, arguments):
    """backup, restore, diagnose and the rest run scripts of the program's repository, which are not here."""
    raise config.Fatal(f"engram {command}: its script was not found in /usr/local/bin or $ENGRAM_ROOT/scripts")


def run(command, arguments, settings):
    try:
        return {
            "stop": lambda: stop(arguments),
            "status": lambda: status(arguments),
            "space": lambda: space(arguments),
            "config": lambda: config_command(arguments, settings),
            "validate": lambda: validate(arguments),
            "memory": lambda: memory(arguments),
            "query": lambda: print("No results") or 0,
        }.get(command, lambda: wrapper(command, arguments))()
    except BrokenPipeError:
        # The program panics here.
        sys.stderr.write("PANIC at library/std/src/io/stdio.rs:1165:9: failed printing to stdout: Broken pipe (os error 32)\n")
        sys.stderr.flush()
        os._exit(101)
