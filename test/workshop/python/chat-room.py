"""The exercise "chat-room", with asyncio."""

import asyncio
import os

MAX_LINE_BYTES = 8192
MAX_WAITING_BYTES = 2**20
members = set()


def tell_others(speaker, line):
    for member in members - {speaker}:
        member.write(line)
        if member.transport.get_write_buffer_size() > MAX_WAITING_BYTES:
            members.discard(member)
            member.transport.abort()


async def serve(reader, writer):
    members.add(writer)
    writer.write(b"welcome\n")
    begun = b""
    try:
        while data := await reader.read(65536):
            *lines, begun = (begun + data).split(b"\n")
            for line in lines:
                if len(line) > MAX_LINE_BYTES:
                    return
                tell_others(writer, line + b"\n")
            if len(begun) > MAX_LINE_BYTES:
                return
    except ConnectionError:
        pass  # the member has reset the connection
    finally:
        members.discard(writer)
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["PORT"]))
    await server.serve_forever()


asyncio.run(main())
