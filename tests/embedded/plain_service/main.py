"""The least that can be started as a service: what the embedded stack needs of one, and no more."""

import http.server
import os
import sys
import threading
import time
from pathlib import Path


class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


def beat() -> None:
    while True:
        Path(os.environ["PERENNIAL_HEARTBEAT"]).touch()
        time.sleep(0.5)


def door() -> None:
    threading.Thread(target=beat, daemon=True).start()
    address = ("127.0.0.1", int(os.environ["PERENNIAL_HTTP_PORT"]))
    http.server.ThreadingHTTPServer(address, Healthy).serve_forever()


def migrate() -> None:
    print("migrated as", os.environ["PERENNIAL_DATABASE_URL"].split(":")[1].strip("/"))


if __name__ == "__main__":
    {"door": door, "relay": beat, "migrate": migrate}[sys.argv[1]]()
