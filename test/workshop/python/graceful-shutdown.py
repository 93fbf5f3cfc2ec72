"""A server that ends without losing anything: the exercise `graceful-shutdown`, in Python."""

import asyncio
import os
import signal
import sys

DEADLINE = 3.0

conversations = set()
stopping = asyncio.Event()


async def next_line(reader):
    """The next request, or nothing: at the client's FIN, and from the signal on."""
    line = asyncio.ensure_future(reader.readline())
    stop = asyncio.ensure_future(stopping.wait())
    await asyncio.wait([line, stop], return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if stopping.is_set():
        line.cancel()
        await asyncio.wait([line])
        return b""
    return line.result()


async def converse(reader, writer):
    conversations.add(asyncio.current_task())
    try:
        while (line := await next_line(reader)).endswith(b"\n"):
            ms = int(line.split()[1])
            await asyncio.sleep(ms / 1000)
            writer.write(b"done %d\n" % ms)
            await writer.drain()
        writer.write_eof()
        # Read on until the client closes, too.
        while await reader.read(65536):
            pass
        writer.close()
    except OSError:
        writer.close()
    finally:
        conversations.discard(asyncio.current_task())


async def main():
    port = int(os.environ["PORT"])
    server = await asyncio.start_server(converse, "127.0.0.1", port)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await stopping.wait()
    server.close()
    if conversations:
        _, late = await asyncio.wait(conversations, timeout=DEADLINE)
        if late:
            os._exit(1)
    sys.exit(0)


asyncio.run(main())
