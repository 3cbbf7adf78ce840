"""Requests and answers, and what axum says of a body before a handler sees it."""

import json
import urllib.parse


class Answer(Exception):
    """A status, and the body with its content type; also raised, where a request ends early."""

    def __init__(self, status, body=None, kind="application/json", headers=()):
        super().__init__(status)
        self.status, self.headers, self.kind = status, headers, kind
        self.body = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body, separators=(",", ":")).encode()


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.headers, self.raw = method, headers, body
        url = urllib.parse.urlsplit(target)
        self.path = urllib.parse.unquote(url.path)
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))

    def json(self, required=()):
        """The body, or the refusal of axum's extractor."""
        if not self.headers.get("content-type", "").split(";")[0].strip().endswith("json"):
            raise Answer(415, "Expected request with `Content-Type: application/json`", "text/plain; charset=utf-8")
        try:
            # NaN is no JSON; 1e400 is a number that fits nowhere.
            value = json.loads(self.raw, parse_constant=_refuse, parse_float=_finite)
        except ValueError as error:
            raise Answer(400, f"Failed to parse the request body as JSON: {error}", "text/plain; charset=utf-8") from error
        missing = None if isinstance(value, dict) else "invalid type, expected a map"
        for name, kind, optional in required:
            if missing:
                break
            if name not in value and not optional:
                missing = f"missing field `{name}`"
            elif name in value and not _fits(value[name], kind, optional):
                missing = f"{name}: invalid type"
        if missing:
            raise Answer(422, f"Failed to deserialize the JSON body into the target type: {missing} at line 1 column "
                              f"{len(self.raw)}", "text/plain; charset=utf-8")
        return value


def _refuse(word):
    raise ValueError(f"expected value: {word}")


def _finite(text):
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return value


def _fits(value, kind, optional):
    if value is None:
        return optional
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is list:
        return isinstance(value, list) and all(_fits(item, float, False) for item in value)
    return isinstance(value, kind)
