"""Stands in for vLLM: `serve` answers /health from its third question on; `bench serve` leaves a file as vLLM does.

VLLM_LOG names a file that gets a line for each start and each end. A model named "broken" does not start to serve; one
named "lost" fails its second round of requests.
"""
import http.server
import os
import pathlib
import signal
import sys


def say(text):
    with open(os.environ["VLLM_LOG"], "a", encoding="ascii") as lines:
        lines.write(text + "\n")


class Health(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        Health.asked += 1
        self.send_response(200 if Health.asked > 2 else 503)
        self.end_headers()

    def log_message(self, *unused):
        pass


def option(name):
    return sys.argv[sys.argv.index(name) + 1]


def serve():
    if sys.argv[2] == "broken":
        return 7
    server = http.server.HTTPServer(("127.0.0.1", int(option("--port"))), Health)

    def end(*unused):
        say("serve ended")
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    say("serve " + " ".join(sys.argv[2:]))
    server.serve_forever()
    return 0


def bench():
    name = option("--result-filename")
    if option("--model") == "lost" and name == "bench-2.json":
        return 1
    (pathlib.Path(option("--result-dir")) / name).write_text('{"completed": 1}\n', encoding="ascii")
    say(name)
    return 0


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1] == "serve" else bench())
