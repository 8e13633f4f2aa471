"""A publisher of Tasmota telemetry at minimal cost: MQTT 3.1.1 packets written to a socket.

Run as ``python -m tests.benchmarks.publisher PORT METERS ROUNDS START [RATE [FIRST]]``; each round is one
message of every meter from the first, 1 Wh above the one before. It separates the load from the clients that
are measured.
"""

import socket
import sys
import time
from typing import Final

CONNECT: Final = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04load"
CHUNK: Final = 200
CHUNKS_PER_S: Final = 50
"""Where a rate is kept, so that messages come evenly."""
START_WH: Final = 1_000_000


def packet(topic: str, payload: bytes) -> bytes:
    """Return a PUBLISH packet of QoS 0."""
    body = len(topic).to_bytes(2) + topic.encode() + payload
    length, rest = bytearray(), len(body)
    while True:
        length.append((rest & 127) | (128 if rest > 127 else 0))
        rest >>= 7
        if not rest:
            return b"\x30" + bytes(length) + body


def telemetry(wh: int) -> bytes:
    """Return a meter's telemetry at a register."""
    return (
        b'{"Time":"2026-11-24T06:00:00","ENERGY":{"TotalStartTime":"2026-01-01T00:00:00","Total":%d.%03d,'
        b'"Yesterday":3.123,"Today":1.234,"Period":1,"Power":1800,"ApparentPower":1820,"ReactivePower":120,'
        b'"Factor":0.99,"Voltage":231,"Current":7.880}}' % divmod(wh, 1000)
    )


def publish(port: int, meters: int, rounds: int, start: int, rate: float | None, first: int) -> None:
    """Publish everything, at a rate in messages per second or as fast as the broker accepts it."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(CONNECT)
    connection.recv(4)
    topics = [f"tele/m{n}/SENSOR" for n in range(first, meters)]
    chunk = CHUNK if rate is None else min(CHUNK, max(1, round(rate / CHUNKS_PER_S)))
    begin, sent, batch = time.monotonic(), 0, bytearray()
    for turn in range(rounds):
        payload = telemetry(START_WH + start + turn)
        for topic in topics:
            batch += packet(topic, payload)
            sent += 1
            if sent % chunk == 0:
                connection.sendall(batch)
                batch.clear()
                if rate is not None:
                    time.sleep(max(begin + sent / rate - time.monotonic(), 0))
    connection.sendall(batch + b"\xe0\x00")
    connection.close()


if __name__ == "__main__":
    to_port, meter_count, round_count, start_wh = (int(argument) for argument in sys.argv[1:5])
    wanted = float(sys.argv[5]) if sys.argv[5:] else None
    publish(to_port, meter_count, round_count, start_wh, wanted, int(sys.argv[6]) if sys.argv[6:] else 0)
