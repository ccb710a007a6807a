"""vLLM as it is, and somebody who asks it: for `gpreempt run ... --online 'python3 vllm_online.py MODEL --out DIR'`.

    vllm_online.py MODEL --out DIR [--ranks 2] [--rate 2] [--requests 60] [--port 8000] [--patience 900]

Starts `vllm serve MODEL`, waits until it answers /health, and then has `vllm bench serve` send requests with random
arrivals, again and again until it is ended; what vLLM measures of each round is DIR/bench-N.json. SIGTERM ends the
server, too. Exit codes: 0 ended from outside, 1 the server or the requests failed, 3 vLLM cannot be started.
"""
import argparse
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

RETRY_S = 0.2


class Ended(Exception):
    """SIGTERM or SIGINT came."""


def on_signal(number, frame):
    del number, frame
    raise Ended


def is_healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_until_healthy(server, wanted):
    """Whether it was in time."""
    end = time.monotonic() + wanted.patience
    while time.monotonic() < end and server.poll() is None:
        if is_healthy(wanted.port):
            return True
        time.sleep(RETRY_S)
    return False


def ask(wanted, number):
    """One round of requests; its exit code."""
    return subprocess.run(
        ["vllm", "bench", "serve", "--model", wanted.model, "--port", str(wanted.port), "--dataset-name", "random",
         "--random-input-len", "512", "--random-output-len", "128", "--request-rate", str(wanted.rate),
         "--num-prompts", str(wanted.requests), "--seed", str(number), "--save-result",
         "--result-dir", str(wanted.out), "--result-filename", f"bench-{number}.json"], check=False).returncode


def serve(wanted):
    server = subprocess.Popen(["vllm", "serve", wanted.model, "--tensor-parallel-size", str(wanted.ranks),
                               "--port", str(wanted.port)])
    try:
        if not wait_until_healthy(server, wanted):
            print(f"vllm_online.py: vllm serve {wanted.model}: no answer on port {wanted.port} after {wanted.patience:g} s, "
                  "or it ended; see its output above", file=sys.stderr)
            return 1
        number = 1
        while server.poll() is None:
            if ask(wanted, number) != 0:
                print(f"vllm_online.py: vllm bench serve failed in round {number}; see its output above", file=sys.stderr)
                return 1
            number += 1
        print(f"vllm_online.py: vllm serve ended with {server.returncode}", file=sys.stderr)
        return 1
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rate", type=float, default=2, help="requests a second")
    parser.add_argument("--requests", type=int, default=60, help="of a round")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--patience", type=float, default=900, help="seconds until it must answer")
    wanted = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    try:
        wanted.out.mkdir(parents=True, exist_ok=True)
        return serve(wanted)
    except Ended:
        return 0
    except OSError as error:
        print(f"vllm_online.py: {error}; is vLLM installed here?", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
