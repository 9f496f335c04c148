"""A webhook endpoint at its barest: the bot's server and settings, one row and one commit per request.

`python -m bench.peers.insert`, with DATABASE_URL, PORT and LINE_CHANNEL_SECRET.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os

import psycopg
from flask import Flask, request
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from psycopg_pool import ConnectionPool

from bot.cli.serve import WEB_THREADS

TABLE = "CREATE TABLE IF NOT EXISTS inbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL)"


def create_app() -> Flask:
    """Called by granian in its worker."""
    app = Flask(__name__, static_folder=None)
    key = os.environ["LINE_CHANNEL_SECRET"].encode()
    pool = ConnectionPool(
        os.environ["DATABASE_URL"], min_size=1, max_size=WEB_THREADS, kwargs={"autocommit": True}, open=True
    )

    @app.post("/callback")
    def callback() -> tuple[str, int]:
        body = request.get_data()
        signature = base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode()
        if not hmac.compare_digest(signature, request.headers.get("x-line-signature", "")):
            return "", 400
        event = json.loads(body)["events"][0]
        with pool.connection() as connection:
            connection.execute("INSERT INTO inbox (body) VALUES (%s)", (json.dumps(event),))
        return "OK", 200

    @app.get("/")
    def alive() -> str:
        return "OK"

    return app


def main() -> None:
    """Make the table, then serve."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(TABLE)
    Granian(
        "bench.peers.insert:create_app",
        address="127.0.0.1",
        port=int(os.environ["PORT"]),
        interface=Interfaces.WSGI,
        factory=True,
        workers=1,
        blocking_threads=WEB_THREADS,
        log_level=LogLevels.warning,
    ).serve()


if __name__ == "__main__":
    main()
