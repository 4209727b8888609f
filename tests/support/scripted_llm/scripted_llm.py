#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An OpenAI-compatible server that misbehaves as told: http://127.0.0.1:PORT/<behaviour>/v1/...

Prints its port (the one of argv[2], or a free one), then serves until its stdin ends. The truth: a caption that holds "good" (of
the behaviours "keys" and "keys_said": "key") is 1, else 0, and the better one of a pair; what is judged stands between quotes after the last "Message:", or after "Message 1:" and "Message 2:". Each behaviour has
counters of its own, <behaviour>~<anything> others; GET /<behaviour>/log gives {"requests": n, "labels": n, "paths": [...], "keys": [...]}.
"""
import email.utils
import gzip
import json
import math
import re
import socket
import ssl
import sys
import threading
import time

NO_CONTENT = "N/A."
WORDS = ("TOV", "BEX")  # of deploy/prompts/minigrid/classification.default.yaml
PAIR = ("1", "2", "none")
lock = threading.Lock()
books = {}
last_words = threading.Event()


def likes(name):
    return "key" if name.startswith("keys") else "good"


def natural(text):
    if isinstance(text, tuple):
        return None
    return "56" if "7 times 8" in text else "Paris" if "France" in text else None


def judged(text):
    pair = re.findall(r'Message ([12]): "(.*?)"\n', text)
    if pair:
        last = dict(pair)
        return last["1"], last["2"]
    return (re.findall(r'Message: "(.*?)"\n', text) or [text])[-1]


class Server:
    def __init__(self, conn):
        self.conn, self.file = conn, conn.makefile("rb")

    def send(self, status, body, headers=(), ctype="application/json", close=False, raw=None):
        data = raw if raw is not None else body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {ctype}\r\nContent-Length: {len(data)}\r\n"
        for h in headers:
            head += h + "\r\n"
        if close:
            head += "Connection: close\r\n"
        self.conn.sendall(head.encode() + b"\r\n" + data)
        return not close

    def reset(self, data=b""):
        self.conn.sendall(data)
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False

    def run(self):
        while True:
            line = self.file.readline().decode("latin-1").split()
            if len(line) < 3:
                return
            headers = {}
            while (h := self.file.readline().decode("latin-1").strip()):
                k, _, v = h.partition(":")
                headers[k.lower()] = v.strip()
            body = self.file.read(int(headers.get("content-length", 0)))
            path, _, query = line[1].partition("?")
            _, name, *rest = path.split("/")
            if not self.answer(name, "/" + "/".join(rest), query, headers, body):
                return

    # --- what a sane server says ---------------------------------------------------------------

    def constraint(self, q, name, chat):
        """The form and the words that this behaviour binds an answer to; None, () where it does not."""
        rf = q.get("response_format") or {}
        if "structured_outputs" in q and name != "vllm_old" and name not in UNBOUND:
            return "word", q["structured_outputs"]["choice"]
        if "guided_choice" in q and name == "vllm_old":
            return "word", q["guided_choice"]
        if rf.get("type") == "json_schema" and name in ("openai", "max_completion"):
            return "json", rf["json_schema"]["schema"]["properties"]["label"]["enum"]
        if rf.get("type") == "json_object" and "schema" in rf and name == "llamacpp" and chat:
            return "json", rf["schema"]["properties"]["label"]["enum"]
        if "grammar" in q and name in ("llamacpp", "llamacpp_completions"):
            return "word", re.findall('"(.*?)"', q["grammar"])
        if "logit_bias" in q and name == "logit_bias":
            return "word", [(WORDS + PAIR)[int(token) - 7] for token in q["logit_bias"]]
        return None, ()

    def choice(self, q, name, text, chat):
        """The text of an answer: one of the words it is bound to, and prose of a talker that nothing binds."""
        form, words = self.constraint(q, name, chat)
        if isinstance(text, tuple):
            a, b = (likes(name) in t for t in text)
            word = PAIR[2] if a == b else PAIR[0] if a else PAIR[1]
        else:
            word = WORDS[0] if likes(name) in text else WORDS[1]
        if form:
            word = word if word in words else words[0]
            return json.dumps({"label": word}, indent=1) if form == "json" else word
        return natural(text) or (f"I would say {word}." if name in TALKERS else word)

    def reply(self, q, texts, name, chat, finish="stop", alter=lambda t, q: t, says=None):
        """says: instead of every answer, also of those to a probe."""
        choices = []
        for i, text in enumerate(texts):
            answer = self.choice(q, name, text, chat)
            answer = alter(answer, text) if natural(text) is None else answer
            answer = says or answer
            c = {"index": i, "finish_reason": finish if natural(text) is None else "stop"}
            c.update({"message": {"role": "assistant", "content": answer}} if chat else {"text": answer})
            choices.append(c)
        return {"object": "x", "model": q["model"], "choices": choices,
                "usage": {"prompt_tokens": 100 * len(texts), "completion_tokens": 2 * len(texts)}}

    def answer(self, name, path, query, headers, body):
        key, name = name, name.partition("~")[0]
        with lock:
            b = books.setdefault(key, {"requests": 0, "labels": 0, "paths": [], "keys": [], "told": 0})
            if path == "/log":
                return self.send(200, b)
            if path.endswith("/models"):
                served = ["tiny-chat", "tiny-base"] if name in ("no_model", "other_model") else ["m"]
                return self.send(200, {"object": "list", "data": [{"id": m, "object": "model"} for m in served]})
            if name == "azure" and (query != "api-version=2024-06-01" or not path.startswith("/deployments/d/")):
                return self.send(404, {"error": {"code": "404", "message": "Resource not found"}})
            if name == "azure" and headers.get("api-key") != "sesame":
                return self.send(401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}})
            b["requests"] += 1
            b["paths"].append(path)
            b["keys"].append(headers.get("authorization", ""))
            n = b["requests"]
        if path.endswith("/tokenize"):
            q = json.loads(body)
            return self.send(200, {"tokens": [7 + (WORDS + PAIR).index(q["content"])]}) if name == "logit_bias" else \
                self.send(404, {"detail": "Not Found"})
        q = json.loads(body)
        chat = path.endswith("/chat/completions")
        prompt = q.get("prompt")
        texts = [q["messages"][-1]["content"]] if chat else prompt if isinstance(prompt, list) else [prompt]
        whole = [" ".join(m["content"] for m in q["messages"])] if chat else texts
        again = len(q.get("messages", [])) > 2 or (not chat and "not an answer I can use" in whole[0])
        texts = [natural(t) and t or judged(w) for t, w in zip(texts, whole)]
        probe = natural(texts[0]) is not None or texts[0] == NO_CONTENT
        if not probe:
            with lock:
                b["labels"] += 1
                n = b["labels"]
        handler = BEHAVIOURS.get(name, sane)
        return handler(self, dict(q=q, path=path, texts=texts, key=key, name=name, chat=chat, probe=probe, again=again, n=n, headers=headers))


UNBOUND = {"openai", "llamacpp", "llamacpp_completions", "logit_bias", "ignored", "max_completion", "coder", "parrot", "keys_said"}
# Give no label that can be read unless the right constraint binds them.
TALKERS = UNBOUND - {"ignored", "coder", "parrot", "keys_said"} | {"vllm", "vllm_old", "no_chat"}


def sane(s, a, **kw):
    return s.send(200, s.reply(a["q"], a["texts"], a["name"], a["chat"], **kw))


def labels_only(f):
    return lambda s, a: sane(s, a) if a["probe"] else f(s, a)


def first(count, f):
    return labels_only(lambda s, a: f(s, a) if a["n"] <= count else sane(s, a))


def between(after, until, f):
    return labels_only(lambda s, a: f(s, a) if after < a["n"] <= until else sane(s, a))


def babble(s, a):
    return sane(s, a, alter=lambda t, x: "It depends.")


def status(code, body=None, headers=()):
    return lambda s, a: s.send(code, body if body is not None else {"error": {"message": f"scripted {code}"}}, headers)


def says(f, finish="stop"):
    return labels_only(lambda s, a: sane(s, a, finish=finish, alter=lambda t, text: f(t)))


def refuses(*keys):
    def run(s, a):
        rf = (a["q"].get("response_format") or {}).get("type")
        if rf in keys or any(k in a["q"] for k in keys):
            return s.send(500, {"error": {"message": "unsupported"}})
        return sane(s, a)
    return run


def reset_mid_body(s, a):
    return s.reset(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"choices\": [")


def hang(s, a):
    last_words.wait(20)
    return False


def slow_headers(s, a):
    for c in b"HTTP/1.1 200 OK\r\n":
        s.conn.sendall(bytes([c]))
        if last_words.wait(0.3):
            break
    return False


def chunked(s, a):
    data = json.dumps(s.reply(a["q"], a["texts"], a["name"], a["chat"])).encode()
    s.conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    for i in range(0, len(data), 7):
        part = data[i:i + 7]
        s.conn.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
    s.conn.sendall(b"0\r\n\r\n")
    return True


def out_of_order(s, a):
    r = s.reply(a["q"], a["texts"], a["name"], a["chat"])
    r["choices"].reverse()
    return s.send(200, r)


def lists_refused(s, a):
    return s.send(400, {"error": {"message": "prompt must be a string"}}) if isinstance(a["q"].get("prompt"), list) else sane(s, a)


def lists_cut(s, a):
    r = s.reply(a["q"], a["texts"], a["name"], a["chat"])
    r["choices"] = r["choices"][:1]
    return s.send(200, r)


def no_chat(s, a):
    return s.send(404, {"detail": "Not Found"}) if a["chat"] else sane(s, a)


def max_completion(s, a):
    if "max_tokens" in a["q"]:
        return s.send(400, {"error": {"message": "Unsupported parameter: use 'max_completion_tokens' instead."}})
    return sane(s, a)


def fickle(s, a):
    """Wrong for every third seed."""
    wrong = a["q"]["seed"] % 3 == 0
    return sane(s, a, alter=lambda t, x: WORDS[1 - WORDS.index(t)] if wrong else t)


def late(s, a):
    """Garbage, also to a probe, for the first 8 seconds."""
    with lock:
        since = books[a["key"]].setdefault("since", time.time())
    return sane(s, a) if time.time() - since > 8 else sane(s, a, says="q9z ~~")


def served_as(model):
    return lambda s, a: s.send(200, s.reply(a["q"], a["texts"], a["name"], a["chat"]) | {"model": model})


def lacks(code, say, *fields):
    """Refuses each request that has one of the fields (of two in a tuple: both); say: field -> body."""
    def run(s, a):
        for f in fields:
            if all(one in a["q"] for one in (f if isinstance(f, tuple) else (f,))):
                return s.send(code, say(f))
        return sane(s, a)
    return run


def coder(s, a, thought="so"):
    """Nothing binds it, and it puts the code of the message behind the word."""
    q = a["q"]
    asked = q["messages"][-1]["content"] if a["chat"] else q["prompt"]
    code = {t: re.findall(r"-([B-Z]{5})\b", p) for t, p in zip(a["texts"], [asked] if isinstance(asked, str) else asked)}
    with lock:
        books[a["key"]].setdefault("codes", []).extend(c[-1] for c in code.values() if c)
    return sane(s, a, alter=lambda t, text: f"analysis: {thought}\nlabel: {t}-{code[text][-1]}" if code.get(text) else t)


def parrot(s, a):
    """A coder that repeats at first what the game said: a sign with an answer on it."""
    return coder(s, a) if a["probe"] or a["again"] else sane(s, a, alter=lambda t, text: "The sign says:\nlabel: TOV")


def keys_said(s, a):
    """A coder that thinks aloud of the key it was given."""
    return coder(s, a, f"asked with {a['headers'].get('authorization')}")


def only_one(s, a):
    """No temperature but 1, and no field of a sampler beside it."""
    if a["q"].get("temperature", 1) != 1:
        return s.send(400, {"error": {"message": "Unsupported value: 'temperature' does not support 0.1 with this model. Only the "
                                      "default (1) value is supported.", "param": "temperature", "code": "unsupported_value"}})
    return sane(s, a)


def hardened(s, a):
    """Takes what every server takes at first, and from the 5th label on no seed."""
    if not a["probe"] and a["n"] > 4 and "seed" in a["q"]:
        return s.send(400, {"error": {"message": "Unrecognized request argument supplied: seed", "param": "seed"}})
    return sane(s, a)


def message(change):
    """Alters the message of a chat answer to a label question."""
    def run(s, a):
        r = s.reply(a["q"], a["texts"], a["name"], a["chat"])
        for c in r["choices"]:
            change(c.get("message", c), c)
        return s.send(200, r)
    return labels_only(run)


def parts(m, c):
    m["content"] = [{"type": "thinking", "thinking": [{"type": "text", "text": "label: BEX"}]},
                    {"type": "reasoning", "text": "label: TOV"}, {"type": "text", "text": m["content"]}]


def thinks_too_long(m, c):
    m["content"], m["reasoning_content"], c["finish_reason"] = None, "label: TOV", "length"


def thinks_only(m, c):
    m["content"], m["reasoning_content"], m["reasoning"] = "", "label: TOV", "TOV"


def events(s, a):
    text = "data: " + json.dumps({"choices": [{"delta": {"content": "TOV"}}]}) + "\n\ndata: [DONE]\n\n"
    return s.send(200, text.encode(), ctype="text/event-stream")


def no_system(code, say):
    """A template that knows no system role, and no API but chat."""
    def run(s, a):
        if not a["chat"]:
            return s.send(404, {})
        return s.send(code, say) if any(m["role"] == "system" for m in a["q"]["messages"]) else sane(s, a)
    return run


def zipped(s, a):
    """Compresses although nobody may have asked for it."""
    data = json.dumps(s.reply(a["q"], a["texts"], a["name"], a["chat"])).encode()
    return s.send(200, gzip.compress(data), ("Content-Encoding: gzip",))


def broke_off(m, c):
    c["finish_reason"], c["error"] = "error", {"code": 502, "message": "speak to Ann"}


def broke_off_unsaid(m, c):
    c["finish_reason"] = "error"


def refuses_it(m, c):
    m["content"], m["refusal"] = None, "I cannot help with that."


def page(code, title):
    return lambda s, a: s.send(code, f"<!DOCTYPE html>\n<html><head><title>{title}</title></head></html>".encode(), ctype="text/html")


def chat_says(code, body):
    """Chat is refused for a reason, the rest is not there."""
    return lambda s, a: s.send(code, body) if a["chat"] else s.send(404, {})


# --- servers that tell log-probabilities -----------------------------------------------------------------------------------------

BIAS = 3.0  # towards the first word, whatever is asked


def token_logprobs(a, bias):
    """Tokens and log-probabilities of the answer: the truth is worth 1, and what is asked about nothing 0."""
    words, text = WORDS, a["texts"][0]
    if isinstance(text, tuple):
        words = PAIR
        first, second = ("good" in t for t in text)
        margin = bias + first - second
    else:
        margin = bias + (0 if text == NO_CONTENT else 1 if "good" in text else -1)
    weights = {" " + words[0][:2]: math.exp(margin) * 0.7, words[0].lower() + ".": math.exp(margin) * 0.3, words[1]: 1.0, " The": 1.0}
    if len(words) == 3:
        weights[" none"] = 0.01
    total = sum(weights.values())
    return sorted(((t, math.log(w / total)) for t, w in weights.items()), key=lambda x: -x[1])


def as_content(pairs, names=("token", "logprob")):
    return [{names[0]: t, names[1]: lp, "bytes": list(t.encode())} for t, lp in pairs]


def told(a, pairs, shape):
    """A whole answer with log-probabilities in the shape of chat, of OpenAI's completions, of llama.cpp's own /completion."""
    token = pairs[0][0]
    usage = {"prompt_tokens": 100, "completion_tokens": 1}
    if shape == "own":
        return {"content": token, "model": "m", "tokens_evaluated": 100, "tokens_predicted": 1, "completion_probabilities": [
            {"token": token, "logprob": pairs[0][1], "top_logprobs": as_content(pairs)}]}
    if shape == "old":
        return {"content": token, "model": "m", "completion_probabilities": [
            {"content": token, "probs": [{"tok_str": t, "prob": math.exp(lp)} for t, lp in pairs]}]}
    if shape == "legacy":
        said = {"text": token, "logprobs": {"tokens": [token], "token_logprobs": [pairs[0][1]], "top_logprobs": [dict(pairs)]}}
    else:
        said = {"message": {"role": "assistant", "content": token}, "text": token,
                "logprobs": {"content": [{"token": token, "logprob": pairs[0][1], "top_logprobs": as_content(pairs)}]}}
    return {"model": a["q"].get("model", "m"), "choices": [dict(said, index=0, finish_reason="length")], "usage": usage}


def tells(shape, bias=BIAS, most=20, path=None, alter=lambda pairs: pairs, raw=None):
    """Log-probabilities in a shape, at most so many, at one path; raw: what stands for the number of the first token."""
    def run(s, a):
        q, at = a["q"], a["path"]
        if path and not at.endswith(path):
            return s.send(404, {"detail": "Not Found"})
        asked = q.get("top_logprobs") or q.get("n_probs") or (0 if q.get("logprobs") is True else q.get("logprobs", 0))
        if asked > most:
            return s.send(400, {"error": {"message": f"Invalid value for 'logprobs': must be at most {most}"}})
        if not asked:
            return sane(s, a)
        body = json.dumps(told(a, alter(token_logprobs(a, bias)), shape))
        if raw:
            body = re.sub(r'("logprob": )[^,}]*', r"\g<1>" + raw, body, count=2)
        return s.send(200, body.encode())
    return run


def nothing_of_it(pairs):
    return [(" Well", -0.1), (" The", -2.5)]


BEHAVIOURS = {
    "coder": coder, "parrot": parrot, "keys_said": keys_said,
    "placed": labels_only(lambda s, a: sane(s, a, alter=lambda t, text: "1" if isinstance(text, tuple) else t)),
    "lp_chat": tells("chat", path="/chat/completions"), "lp_completions": tells("chat", path="/v1/completions"),
    "lp_legacy": tells("legacy", path="/v1/completions", most=5), "lp_own": tells("own", path="/completion"),
    "lp_old": tells("old", path="/completion"), "lp_no_mass": tells("chat", alter=nothing_of_it),
    "lp_poison": lambda s, a: tells("chat", alter=nothing_of_it if "poison" in a["texts"][0] else lambda p: p)(s, a),
    "lp_one_sided": tells("chat", bias=9.0),
    "lp_nan": tells("chat", raw="NaN"), "lp_huge": tells("chat", raw="1e999"), "lp_text": tells("chat", raw='"-1"'),
    "lp_positive": tells("chat", raw="4.5"),
    "llamacpp": refuses("json_schema"), "llamacpp_completions": no_chat, "no_chat": no_chat, "max_completion": max_completion,
    "limit_seconds": first(2, status(429, headers=("Retry-After: 1",))), "limit": first(3, status(429)),
    "limit_date": first(1, lambda s, a: s.send(429, {}, (
        "Retry-After: " + email.utils.formatdate(time.time() + 2, usegmt=True),))),
    "busy": labels_only(status(429)),
    "quota": labels_only(status(429, {"error": {"message": "quota", "code": "insufficient_quota"}})),
    "e500": first(3, status(500)), "e502": first(3, status(502)), "e503": first(3, status(503)),
    "poison": labels_only(lambda s, a: s.send(500, {}) if "poison" in a["texts"][0] else sane(s, a)),
    "too_long": labels_only(lambda s, a: s.send(400, {"error": {"message": "context_length_exceeded"}})
                            if "poison" in a["texts"][0] else sane(s, a)),
    "repents": first(24, babble), "turns": between(10, 40, babble), "mute": hang,
    "mostly": labels_only(lambda s, a: babble(s, a) if a["n"] <= 40 and a["n"] % 4 else sane(s, a)),
    "refusing": labels_only(status(400, {"error": {"message": "no such questions"}})),
    "poison_prose": labels_only(lambda s, a: babble(s, a) if "poison" in a["texts"][0] else sane(s, a)),
    "poison_filter": labels_only(lambda s, a: sane(s, a, finish="content_filter" if "poison" in a["texts"][0] else "stop")),
    "hang": first(2, hang), "hang_first": first(2, hang), "slow_headers": first(2, slow_headers), "reset": first(3, reset_mid_body),
    "half_json": first(3, lambda s, a: s.send(200, b'{"choices": [{"index": 0, "mess')),
    "empty_choices": first(3, lambda s, a: s.send(200, {"model": a["q"]["model"], "choices": []})),
    "nan": first(3, lambda s, a: s.send(200, b'{"choices": [{"index": NaN}]}')),
    "wrong_type": first(3, lambda s, a: s.send(200, b"<html>Bad gateway</html>", ctype="text/html")),
    "huge": first(2, lambda s, a: s.send(200, b" " * (3 << 20))),
    "length": says(lambda t: t, "length"), "filter": says(lambda t: t, "content_filter"),
    "prose": says(lambda t: f"I think the answer is {t} here."), "both": says(lambda t: "TOV BEX"),
    "unicode": says(lambda t: "\u202e" + t), "half_label": says(lambda t: '{"label": "TO'),
    "double_key": says(lambda t: '{"label": "TOV", "label": "BEX"}'), "null": says(lambda t: None),
    "reasons": says(lambda t: f"knowledge: doors\nanalysis: it says so\nlabel: {t}"),
    "quoted": says(lambda t: f' "{t.upper()}". \n'), "fenced": says(lambda t: f'```json\n{{"label": "{t}"}}\n```'),
    "reask": labels_only(lambda s, a: sane(s, a, alter=lambda t, x: t if a["again"] else f"Surely {t}!")),
    "no_model": status(404, {"error": {"message": "The model `m` does not exist.", "code": 404}}),
    "unauthorised": status(401), "redirect": status(302, {}, ("Location: http://127.0.0.1:1/v1",)),
    "unhurried": labels_only(lambda s, a: last_words.wait(0.4) or sane(s, a)),
    "chunked": chunked, "out_of_order": out_of_order, "lists_refused": lists_refused, "lists_cut": lists_cut,
    "azure": sane, "dated": served_as("org/M-2024-07-18"), "file": served_as("/models/m.gguf"), "mini": served_as("m-mini"),
    "model_changes": labels_only(served_as("someone-else")),  # after what was tried at the start
    "versioned": served_as("m:latest"), "bigger": served_as("m-70b"),
    "no_both": lacks(400, lambda f: {"error": {"message": "`temperature` and `top_p` cannot both be specified for this model."}},
                     ("temperature", "top_p")),
    "only_one": only_one, "hardened": hardened,
    "no_top_p": lacks(400, lambda f: {"message": f"{f} is deprecated"}, "top_p", "temperature"),
    "strict_fields": lacks(422, lambda f: {"detail": [{"type": "extra_forbidden", "loc": ["body", f], "input": {"temperature": 1},
                                                       "msg": "Extra inputs are not permitted"}]}, "seed", "stream"),
    "router": lacks(404, lambda f: {"error": {"message": f"No endpoints found that support the parameter {f} for this model"}}, "seed"),
    "unknown_name": lacks(400, lambda f: [{"error": {"code": 400, "message": f'Unknown name "{f}": Cannot find field.'}}], "seed", "top_p"),
    "both_500": lacks(500, lambda f: {"error": {"message": "temperature and top_p cannot both be specified"}}, ("temperature", "top_p")),
    "fine_refusal": lacks(200, lambda f: {"error": {"message": f"Unsupported parameter: {f}"}}, "seed"),
    "members": lacks(422, lambda f: {"errors": {f: ["is not permitted"]}}, "stream", "seed"),
    "camel": lacks(400, lambda f: {"error": {"message": "topP is not supported" if f == "top_p" else "Temperature must be 1"}},
                   "top_p", "temperature"),
    "paths": lacks(400, lambda f: {"title": "errors occurred", "errors": {f"$.{f}": ["is unknown"]}}, "seed"),
    "no_system": no_system(400, {"error": {"message": "System role not supported"}}),
    "no_developer": no_system(400, [{"error": {"message": "Developer instruction is not enabled for models/m"}}]),
    "alternate": no_system(500, {"error": {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}}),
    "only_users": no_system(400, {"message": "Only user and assistant roles are supported!"}),
    "zipped": zipped,
    "broke_off": message(broke_off), "broke_off_unsaid": message(broke_off_unsaid), "refuses_it": message(refuses_it),
    "other_json": says(lambda t: json.dumps({"colour": t})),
    "always_huge": labels_only(lambda s, a: s.send(200, b" " * (3 << 20))), "always_mute": labels_only(hang),
    "event_error": lambda s, a: s.send(200, b'event: error\ndata: {"error": {"message": "speak to Ann"}}\n\n', ctype="text/event-stream"),
    "why_errors": lambda s, a: s.send(200, {"success": False, "errors": [{"code": 7, "message": "speak to Ann"}], "choices": []}),
    "why_text": lambda s, a: s.send(200, b"speak to Ann\n", ctype="text/plain"),
    "why_then_key": lambda s, a: s.send(422, {"message": "speak to Ann"}) if a["chat"] else s.send(401, {}),
    "no_length": lacks(400, lambda f: {"error": f"unsupported parameter: {f}"}, "max_tokens", "max_completion_tokens"),
    "needs_fewer": lacks(400, lambda f: {"error": {"message": f"'{f}' is too large: this model's context length is 8"}}, "max_tokens"),
    "parts": message(parts), "thinks_too_long": message(thinks_too_long), "thinks_only": message(thinks_only),
    "think": says(lambda t: f"<THINK>\nlabel: BEX\n</THINK>\n\n{t}"), "think_lost": says(lambda t: f"Hm.\nlabel: TOV\n</think> {t}"),
    "think_late": says(lambda t: f"Sure.\n[THINK]label: BEX[/THINK]{t}"), "end_mark": says(lambda t: f"{t}<|im_end|>\n"),
    "harmony": says(lambda t: f"<|channel|>analysis<|message|>label: TOV<|end|><|start|>assistant<|channel|>final<|message|>{t}"),
    "think_open": says(lambda t: "Well, <think>perhaps\nlabel: TOV"),
    "created": lambda s, a: s.send(201, s.reply(a["q"], a["texts"], a["name"], a["chat"])),
    "accepted": lambda s, a: s.send(202, s.reply(a["q"], a["texts"], a["name"], a["chat"])),
    "later": lambda s, a: s.send(202, {"id": "job-1", "status": "queued"}), "events": events,
    "page": page(200, "Welcome to nginx!"), "page_404": page(404, "404 Not Found"), "page_502": page(502, "502 Bad Gateway"),
    "why_error": chat_says(400, {"error": "speak to Ann"}), "why_message": chat_says(400, {"object": "error", "message": "speak to Ann"}),
    "why_locked": lambda s, a: s.send(400, {"error": "speak to Ann"}) if a["chat"] else s.send(403, {}),
    "why_detail": chat_says(422, {"detail": "speak to Ann"}), "why_plain": chat_says(400, b"speak to Ann\n"),
    "why_list": chat_says(422, {"detail": [{"loc": ["body", "messages", 0], "msg": "speak to Ann"}]}),
    "why_router": chat_says(400, {"error": {"message": "Provider returned error", "metadata": {
        "raw": json.dumps({"error": {"message": "speak to Ann"}})}}}),
    "forbidden": status(403, {"error": {"message": "your country is not served"}}), "forbidden_bare": status(403, {}),
    "why_fine": lambda s, a: s.send(200, {"object": "error", "message": "speak to Ann"}), "echo": lambda s, a: s.send(401, {"error": "no such key: " + a["headers"].get("authorization", "")}),
    "close": lambda s, a: s.send(200, s.reply(a["q"], a["texts"], a["name"], a["chat"]), close=True),
    "late": late, "other_model": served_as("someone-else"), "fickle": labels_only(fickle),
}


def secured(conn):
    """TLS on the same port, told by the first byte; argv[1] is the folder of key and certificate."""
    if len(sys.argv) < 2 or not sys.argv[1] or conn.recv(1, socket.MSG_PEEK) != b"\x16":
        return conn
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1] + "/crt", sys.argv[1] + "/key")
    return context.wrap_socket(conn, server_side=True)


def serve(conn):
    try:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn = secured(conn)
        Server(conn).run()
    except (OSError, ValueError):
        pass
    finally:
        conn.close()


def main():
    listener = socket.create_server(("127.0.0.1", int((sys.argv + ["", ""])[2] or 0)), backlog=256)
    print(listener.getsockname()[1], flush=True)

    def accept():
        while True:
            conn, _ = listener.accept()
            threading.Thread(target=serve, args=(conn,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.buffer.read()
    last_words.set()


main()
