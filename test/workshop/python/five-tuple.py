"""The exercise "five-tuple", with asyncio."""

import asyncio
import os


async def answer(reader, writer):
    address, port = writer.get_extra_info("peername")
    own_address, own_port = writer.get_extra_info("sockname")
    five = f"tcp {address} port {port} to {own_address} port {own_port}\n".encode()
    try:
        while data := await reader.read(65536):
            writer.write(five * data.count(b"\n"))
            await writer.drain()
    except ConnectionError:
        pass  # the client has reset the connection
    writer.close()


async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", int(os.environ["PORT"]))
    await server.serve_forever()


asyncio.run(main())
