"""`engram start`: ports (F4), the PID file, both listeners, and the end by a signal or by POST /shutdown."""

import errno
import ipaddress
import json
import os
import pathlib
import signal
import socket
import threading

import config
import grpc
import health
import http_server
import log
import metrics
import store

SNAPSHOT_SECONDS = 30


def is_free(port):
    """The program tries the loopback address only, whatever it binds later."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
            trial.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise config.Fatal(config.os_error(error)) from error
    return True


def port_from(wanted, what):
    port = wanted
    while not is_free(port):
        port += 1
    if port != wanted:
        log.warn("engram", f"  {what} {wanted} occupied, using port {port} instead")
    return port


def listen(kind, *arguments):
    try:
        return kind(*arguments)
    except OSError as error:
        raise config.Fatal(config.os_error(error)) from error


def bind_address(settings):
    text = os.environ.get("ENGRAM_HTTP_BIND") or settings["server"]["http_bind"]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise config.Fatal(f"Invalid HTTP bind address '{text}'", "invalid IP address syntax") from error


def run(settings, port, grpc_port, level):
    log.threshold = log.LEVELS.get(level, log.LEVELS["info"])
    address = bind_address(settings)
    data = pathlib.Path(os.environ.get("ENGRAM_DATA_DIR") or "engram-data").absolute()
    auth = os.environ.get("ENGRAM_AUTH_MODE") or settings["security"]["auth_mode"]
    port, grpc_port = port_from(port, "Port"), port_from(grpc_port, "gRPC port")
    registry = store.Registry(data, settings["memory_spaces"])
    metrics.initialise()
    spreading = health.Spreading()
    # The program has sampled once when it answers.
    spreading.probe()
    ended = threading.Event()
    service = http_server.Service(registry, spreading, auth == "api_key", ended.set)
    servers = [listen(http_server.Server, (address, port), service),
               listen(grpc.Server, ("0.0.0.0", grpc_port), grpc.Handler)]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    config.pid_file().write_text(f"{os.getpid()}:{port}")
    for line in [" Engram server started successfully!", f" HTTP API: http://{address}:{port}", f" gRPC: 127.0.0.1:{grpc_port}",
                 f" Health: http://{address}:{port}/health", f" API Docs: http://{address}:{port}/docs", "",
                 " Use 'engram status' to check the server", " Use 'engram stop' to stop it"]:
        log.info("engram", line)
    while not ended.wait(SNAPSHOT_SECONDS):
        log.info("engram_core::metrics::streaming", "streaming metrics snapshot", snapshot=json.dumps(metrics.snapshot()))
    for server in servers:
        server.server_close()
    registry.flush()
    config.pid_file().unlink(missing_ok=True)
    return 0
