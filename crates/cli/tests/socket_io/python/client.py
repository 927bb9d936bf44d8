"""The client of `python-socketio` as a subscriber of a feed that tests steer.

Arguments and lines are those of `node/client.cjs`, which has the same part.

It is the client for asyncio: the other one runs each handler in a thread of its own, so that events
come in any order.
"""

import asyncio
import base64
import json
import sys

import socketio

url, namespace, transports, after, name = sys.argv[1:]
position = {"cursor": after or None, "epoch": None}
client = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.5)


def tell(event, **details):
    print(json.dumps({"event": event, **details}), flush=True)


def authentication():
    """Returns what a connection starts with. Called for each connection."""
    values = {"after": position["cursor"], "as": name or None}
    return {key: value for key, value in values.items() if value is not None}


@client.on("connect", namespace=namespace)
async def connect():
    # An upgrade comes before the namespace.
    tell("open", transport=client.transport())


@client.on("connect_error", namespace=namespace)
async def connect_error(error):
    tell("connect_error", message=str(error))


@client.on("disconnect", namespace=namespace)
async def disconnect(reason):
    tell("disconnect", reason=reason)


@client.on("hello", namespace=namespace)
async def hello(data):
    position["cursor"] = data["cursor"]
    position["epoch"] = data["cursor"].split("-")[0]
    tell("hello", data=data)


@client.on("gap", namespace=namespace)
async def gap(data):
    position["cursor"] = data["cursor"]
    tell("gap", data=data)


@client.on("message", namespace=namespace)
async def message(data):
    position["cursor"] = f"{position['epoch']}-{data['seq']}"
    payload = data["payload"]
    if isinstance(payload, bytes):
        payload = {"bytes": base64.b64encode(payload).decode()}
    tell("message", data={**data, "payload": payload})


def published(answer):
    tell("published", data=answer)


async def main():
    await client.connect(
        url,
        auth=authentication,
        transports=json.loads(transports),
        namespaces=[namespace],
        wait_timeout=30,
    )
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        if command.get("close"):
            break
        if "publish_base64" in command:
            payload = base64.b64decode(command["publish_base64"])
        else:
            payload = command["publish"]
        # A tuple is several arguments.
        values = (payload, command["options"]) if "options" in command else payload
        await client.emit("publish", values, namespace=namespace, callback=published)
    await client.disconnect()


asyncio.run(main())
