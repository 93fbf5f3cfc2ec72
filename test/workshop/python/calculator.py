"""A calculator, with asyncio: one coroutine for each client, one request at a time in it."""

import asyncio
import os
import re

NUMBER = re.compile(r"-?[0-9]{1,9}")
MILLISECONDS = re.compile(r"[0-9]{1,4}")
OPERATIONS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    # a // b rounds down.
    "div": lambda a, b: abs(a) // abs(b) * (1 if a * b >= 0 else -1),
}
WORDS = {**dict.fromkeys(OPERATIONS, 2), "wait": 1, "quit": 0}


async def answer(line):
    if len(line) > 100:
        return "error too long"
    command, *words = line.decode("latin-1").split(" ")
    if command not in WORDS:
        return "error unknown command"
    if len(words) != WORDS[command]:
        return "error wrong number of words"
    number = MILLISECONDS if command == "wait" else NUMBER
    if not all(number.fullmatch(word) for word in words):
        return "error not a number"
    numbers = [int(word) for word in words]
    if command == "quit":
        return "bye"
    if command == "wait":
        await asyncio.sleep(numbers[0] / 1000)
        return f"ok {numbers[0]}"
    if command == "div" and numbers[1] == 0:
        return "error division by zero"
    return f"ok {OPERATIONS[command](*numbers)}"


async def serve(reader, writer):
    try:
        waiting = b""
        while chunk := await reader.read(65_536):
            *lines, waiting = (waiting + chunk).split(b"\n")
            # 101 bytes tell as well as a million that a line is too long.
            waiting = waiting[:101]
            for line in lines:
                text = await answer(line)
                writer.write(f"{text}\n".encode())
                await writer.drain()
                if text == "bye":
                    # A connection that is closed with unread bytes is reset, and answers are lost.
                    writer.write_eof()
                    while await reader.read(65_536):
                        pass
                    return
    except ConnectionError:
        pass  # a client that resets is no news
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["PORT"]))
    await server.serve_forever()


asyncio.run(main())
