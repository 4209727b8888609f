#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""POST /v1/embeddings that misbehaves as told: http://127.0.0.1:PORT/<behaviour>/v1/embeddings

Prints its port, then serves until its stdin ends. A vector counts the words key, door and wall (and one): what holds "key" is near
to what holds "key". Each behaviour has counters of its own: GET /<behaviour>/log gives {"requests": n, "lists": n, "key": "..."}.
"""
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

lock = threading.Lock()
books = {}
last_words = threading.Event()


def vector(text):
    t = text.lower()
    return [float(t.count("key")), float(t.count("door")), float(t.count("wall")), 0.25]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def say(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for k, v in headers:
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.say(200, books.get(self.path.split("/")[1], {}))

    def do_POST(self):
        q = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        address, _, query = self.path.partition("?")
        name, _, path = address[1:].partition("/")
        texts = q["input"] if isinstance(q["input"], list) else [q["input"]]
        with lock:
            b = books.setdefault(name, {"requests": 0, "lists": 0, "key": ""})
            b["requests"] += 1
            b["lists"] += isinstance(q["input"], list)
            b["key"] = self.headers.get("Authorization", "")
            n = b["requests"]
            refused = b.setdefault("refused", {})
            for t in texts:
                refused[t] = refused.get(t, 0) + 1
            times = max(refused[t] for t in texts)
        if name == "no_format" and "encoding_format" in q:
            return self.say(422, {"detail": [{"loc": ["body", "encoding_format"], "msg": "Extra inputs are not permitted"}]})
        if name == "no_format":
            q["encoding_format"] = "float"
        if name == "azure" and query != "api-version=1":
            return self.say(404, {"error": {"message": "Resource not found"}})
        if path != "v1/embeddings" or q["model"] != "m" or q["encoding_format"] != "float":
            return self.say(404, {"error": {"message": "no such thing"}})
        data = [{"object": "embedding", "index": i, "embedding": vector(t)} for i, t in enumerate(texts)]
        answer = {"object": "list", "model": "m", "data": data}
        if name == "backwards":
            data.reverse()
        elif name == "no_lists" and isinstance(q["input"], list):
            return self.say(400, {"error": {"message": "input must be a string"}})
        elif name == "poison" and any("poison" in t for t in texts):
            return self.say(400, {"error": {"message": "this text is refused"}})
        elif name == "twitchy" and "pick" in texts[0] and times < 3:
            return self.say(400, {"error": {"message": "not this one"}})
        elif name == "dated":
            answer["model"] = "org/m-2024-07-18"
        elif name == "reason":
            return self.say(403, {"detail": "your country is not served"})
        elif name == "fine_reason":
            return self.say(200, {"success": False, "errors": [{"message": "your account is asleep"}]})
        elif name == "text":
            return self.say(200, b"still loading\n")
        elif name == "page":
            return self.say(200, b"<html><title>Hi</title></html>")
        elif name == "busy" and n < 4:
            return self.say(429, {}, [("Retry-After", "0")])
        elif name == "broken" and n in (1, 3, 4):
            return self.say({1: 500, 3: 502, 4: 503}[n], b"<html>oops")
        elif name == "hang" and n in (2, 4):
            last_words.wait()
            return None
        elif name == "half" and n in (1, 3):
            return self.say(200, json.dumps(answer).encode()[:-20])
        elif name == "short" and len(data) > 1 and n < 5:
            data.pop()
        elif name == "twice" and len(data) > 1 and n < 5:
            data[0]["index"] = 1
        elif name == "words" and n in (1, 3):
            data[-1]["embedding"][1] = "1.5"
        elif name == "always_more":
            data.append(data[0])
        elif name == "always_twice":
            data[0]["index"] = 99
        elif name == "always_words":
            data[-1]["embedding"][1] = "1.5"
        elif name == "always_empty":
            data[0]["embedding"] = []
        elif name == "silent":
            answer = {}
        elif name == "wide" and any("poison" in t for t in texts):
            data[-1]["embedding"].append(1.0)
        elif name == "other_model":
            answer["model"] = "somebody-else"
        elif name == "locked" and self.headers.get("Authorization") != "Bearer sesame":
            return self.say(401, {"error": {"message": "who are you"}})
        elif name == "gone":
            return self.say(302, b"", [("Location", "http://127.0.0.1:1/")])
        return self.say(200, answer)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
last_words.set()
