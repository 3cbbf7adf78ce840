"""The HTTP listener: from a connection to a handler, and back."""

import http.server
import socket
import socketserver
import threading

import api
import log
from messages import Answer, Request

# Long enough for a page of 768 numbers, short enough to refuse what is none.
LARGEST_BODY = 2 * 1024 * 1024


class Service:
    """What the handlers work on."""

    def __init__(self, registry, spreading, asks_for_key, shut_down):
        self.registry, self.spreading = registry, spreading
        self.asks_for_key, self.shut_down = asks_for_key, shut_down
        self.compacting = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    def log_message(self, *_):
        """The program logs no requests."""

    def serve(self):
        try:
            body = self.rfile.read(min(int(self.headers.get("content-length") or 0), LARGEST_BODY))
            request = Request(self.command, self.path, self.headers, body)
            try:
                answer = self.answer(request)
            except Answer as early:
                answer = early
            self.send(answer)
        except OSError:
            self.close_connection = True

    def answer(self, request):
        service = self.server.service
        if service.asks_for_key:
            raise api.refusal(401, "UNAUTHORIZED", "API key required")
        methods, parameters = api.find(request.path)
        if methods is None:
            return Answer(404)
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            return Answer(405, headers=[("allow", ",".join(methods) + (",HEAD" if "GET" in methods else ""))])
        return handler(service, request, *parameters)

    def send(self, answer):
        self.send_response_only(answer.status)
        self.send_header("date", self.date_time_string())
        if answer.body:
            self.send_header("content-type", answer.kind)
        self.send_header("content-length", str(len(answer.body)))
        self.send_header("access-control-allow-origin", "*")
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128
    allow_reuse_address = True

    def __init__(self, address, service):
        self.service = service
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    def server_bind(self):
        """Without the base class's question to the name server."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        pass

    def get_request(self):
        try:
            return super().get_request()
        except OSError as error:
            # As axum: said once a second, and tried again.
            log.error("axum::serve::listener", f"accept error: {error.strerror} (os error {error.errno})")
            threading.Event().wait(1)
            raise
