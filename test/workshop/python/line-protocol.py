"""Lines of text, with asyncio."""

import asyncio
import os

LIMIT = 1024


async def serve(reader, writer):
    try:
        waiting = b""
        while chunk := await reader.read(65_536):
            *lines, waiting = (waiting + chunk).split(b"\n")
            for line in lines:
                line = line.removesuffix(b"\r")
                if len(line) > LIMIT:
                    return
                text = line.decode()
                writer.write(f"{len(text)} {text[::-1]}\n".encode())
            if len(waiting.removesuffix(b"\r")) > LIMIT:
                return
            await writer.drain()
    except ConnectionError:
        pass  # a client that resets is no news
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["PORT"]))
    await server.serve_forever()


asyncio.run(main())
