"""The gRPC port: as much of HTTP/2 as tells a server that answers from one that does not.

`Introspect` is granted. Everything else ends with status 12, UNIMPLEMENTED: for reflection and grpc.health.v1 that is
what the program does, for its other methods it is what the double lacks.
"""

import socketserver
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY = 0, 1, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
LARGEST_FRAME = 16384
INTROSPECT = "/engram.v1.EngramService/Introspect"
# HPACK's code (RFC 7541, appendix B) for the characters of that path: curl and grpcurl send it coded.
HUFFMAN = {"/": (0x18, 6), ".": (0x17, 6), "1": (1, 5), "E": (0x60, 7), "I": (0x64, 7), "S": (0x6E, 7), "a": (3, 5),
           "c": (4, 5), "d": (0x24, 6), "e": (5, 5), "g": (0x26, 6), "i": (6, 5), "m": (0x29, 6), "n": (0x2A, 6),
           "o": (7, 5), "p": (0x2B, 6), "r": (0x2C, 6), "s": (8, 5), "t": (9, 5), "v": (0x77, 7)}


def coded(text):
    bits = "".join(format(code, f"0{length}b") for code, length in (HUFFMAN[letter] for letter in text))
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


PATHS = [INTROSPECT.encode(), coded(INTROSPECT)]


def frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def field(name, value):
    """A header in the form that changes no table."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


HEAD = b"\x88" + field("content-type", "application/grpc")


def answer(stream, granted):
    if not granted:
        return frame(HEADERS, END_HEADERS | END_STREAM, stream, HEAD + field("grpc-status", "12"))
    return (frame(HEADERS, END_HEADERS, stream, HEAD) + frame(DATA, 0, stream, bytes(5))
            + frame(HEADERS, END_HEADERS | END_STREAM, stream, field("grpc-status", "0")))


class Handler(socketserver.StreamRequestHandler):
    timeout = 30

    def handle(self):
        try:
            self.speak()
        except (OSError, EOFError):
            pass

    def read(self, n):
        data = self.rfile.read(n)
        if len(data) < n:
            raise EOFError
        return data

    def speak(self):
        if self.read(len(PREFACE)) != PREFACE:
            return
        self.wfile.write(frame(SETTINGS, 0, 0))
        granted = {}
        while True:
            head = self.read(9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
            if size > LARGEST_FRAME:
                return
            body = self.read(size)
            if kind == GOAWAY:
                return
            if kind == SETTINGS and not flags & ACK:
                self.wfile.write(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.wfile.write(frame(PING, ACK, 0, body))
            elif kind == HEADERS:
                granted[stream] = any(path in body for path in PATHS)
            if kind in (DATA, HEADERS) and flags & END_STREAM and stream in granted:
                self.wfile.write(answer(stream, granted.pop(stream)))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128
