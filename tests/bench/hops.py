"""Bare hops, the floor under any latency: `python -m tests.bench.hops <from> <to>` passes records on."""

import asyncio
import os
import sys

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from perennial.kit.kafka import Broker


async def main(source: str, target: str) -> None:
    broker = Broker(
        os.environ["PERENNIAL_KAFKA_BOOTSTRAP"],
        os.environ["PERENNIAL_KAFKA_USER"],
        os.environ["PERENNIAL_KAFKA_PASSWORD"],
    )
    security = broker.security()
    consumer = AIOKafkaConsumer(source, auto_offset_reset="earliest", **security)
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **security)
    await asyncio.gather(consumer.start(), producer.start())
    while True:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            for one in records:
                await producer.send(target, value=one.value, key=one.key)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
