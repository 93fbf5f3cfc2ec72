import { randomBytes } from 'node:crypto'
import { describe, expect } from 'vitest'
import { bytesOf } from '../support/greet.ts'
import { entryOf, has, onLinux, test } from '../support/kit.ts'
import { memoryOf } from '../support/memory.ts'
import { expectNoStack } from '../support/program.ts'
import { spread, withSome } from '../support/slow.ts'
import { flood } from '../support/tcp-peer.ts'

const linesOf = (text: string) => text.trimEnd().split('\n')
const MIB = 2 ** 20

test('04 naive: five requests get one answer, and one request gets two', async ({ kit }) => {
  const { stdout } = await kit.client('04/naive', await kit.server('04/naive')).ended
  expect(linesOf(stdout)).toEqual([
    '5 requests: 1 answer "ONE TWO THREE FOUR FIVE"',
    '1 request: 2 answers "HEL" "LO"',
  ])
})

/** What the clients print: the same answers, however the requests were cut. */
const answers: Record<string, string[]> = {
  '04/fixed-length': ['5 answers "ONE" "TWO WORDS" "żółW" "TWO\\r\\nLINES" ""'],
  '04/length-prefix': ['5 answers "ONE" "TWO WORDS" "żółW" "TWO\\r\\nLINES" ""'],
  '04/delimiter': [
    '4 answers "ONE" "TWO WORDS" "żółW" ""',
    '"two\\r\\nlines" is refused: frame holds the delimiter at byte 3',
    'unchecked: 2 answers "TWO" "LINES"',
  ],
  '04/lines': [
    '4 answers "ONE" "TWO WORDS" "żółW" ""',
    'with CRLF: 4 answers "ONE" "TWO WORDS" "żółW" ""',
  ],
  '04/byte-stuffing': [
    '4 answers "ONE" "TWO\\r\\nLINES" "żółW" 41 c0 42 db 43',
    'on the wire: c0 61 db dc 62 db dd 63 c0',
  ],
}

/** Bytes that no decoder of that format may take, and the error that names them. */
const refused: [id: string, what: string, bytes: Buffer, code: string][] = [
  ['04/fixed-length', 'half a frame', Buffer.alloc(17), 'ERR_FRAME_TRUNCATED'],
  ['04/length-prefix', 'a length over the limit', Buffer.of(0, 1, 0, 1), 'ERR_FRAME_TOO_LARGE'],
  ['04/length-prefix', 'half a frame', Buffer.of(0, 0, 0, 2, 1), 'ERR_FRAME_TRUNCATED'],
  ['04/delimiter', 'no end in sight', Buffer.alloc(65_538, 'x'), 'ERR_FRAME_TOO_LARGE'],
  ['04/delimiter', 'half a frame', Buffer.from('no end'), 'ERR_FRAME_TRUNCATED'],
  ['04/lines', 'no end in sight', Buffer.alloc(65_538, 'x'), 'ERR_FRAME_TOO_LARGE'],
  ['04/byte-stuffing', 'no end in sight', Buffer.alloc(65_538, 'x'), 'ERR_FRAME_TOO_LARGE'],
  ['04/byte-stuffing', 'an unknown escape', Buffer.of(0xdb, 0x00), 'ERR_FRAME_MALFORMED'],
]

/** A request of about 60 KiB; its answer is as long, but SLIP marks the beginning as well. */
const body = Buffer.alloc(60_000, 'x')
const large: Record<string, Buffer> = {
  '04/length-prefix': Buffer.concat([Buffer.of(0, 0, 0xea, 0x60), body]),
  '04/delimiter': Buffer.concat([body, Buffer.from('\r\n')]),
  '04/lines': Buffer.concat([body, Buffer.from('\n')]),
  '04/byte-stuffing': Buffer.concat([body, Buffer.of(0xc0)]),
}

describe.concurrent('04 framing', () => {
  test.for(Object.entries(answers))(
    '%s gives the same answers in one write and byte by byte',
    async ([id, [first, ...more]], { kit }) => {
      const exit = await kit.client(id, await kit.server(id)).ended
      expect(exit).toMatchObject({ code: 0, stderr: '' })
      expect(linesOf(exit.stdout).sort()).toEqual(
        [`in one write: ${first}`, `byte by byte: ${first}`, ...more].sort(),
      )
    },
  )

  test.for(spread(refused, 4, refused.length))(
    '%s ends a connection with %s, and serves on',
    async ([id, , bytes, code], { kit }) => {
      const server = await kit.server(id)
      const { greeting = '', answer: wanted = '' } = entryOf(id).example.server
      const [request, answer] = [bytesOf(greeting), bytesOf(wanted)]
      const peer = await kit.connect(server)
      // What is good comes first, and is answered.
      await peer.write(request)
      await peer.receive(answer.length)
      expect(peer.received.equals(answer)).toBe(true)
      await peer.write(bytes)
      peer.socket.end()
      await peer.closed
      await server.complaint(`error 127.0.0.1:`)
      expect(server.stderr).toMatch(new RegExp(`^error 127\\.0\\.0\\.1:\\d+ ${code}\n$`))
      const next = await kit.connect(server)
      await next.write(request)
      await next.receive(answer.length)
    },
  )

  // Large requests, so that few of them fill the buffers. The fixed length has no large ones.
  test.skipIf(!onLinux).for(spread(Object.entries(large), 1, 9))(
    '%s stops reading from a client that does not read its answers (needs Linux)',
    async ([id, request], { kit }) => {
      const server = await kit.server(id)
      const idle = memoryOf(server.pid, 'VmRSS')
      const peer = await kit.connect(server, { reading: false })
      const written = await flood(peer.socket, 400 * MIB, request)
      expect(written).toBeLessThan(400 * MIB)
      expect(memoryOf(server.pid, 'VmHWM') - idle).toBeLessThan(80 * MIB)
      // Nothing is lost by the wait: every request gets its answer.
      peer.socket.end()
      peer.socket.resume()
      await peer.end()
      const per = request.length + (id === '04/byte-stuffing' ? 1 : 0)
      expect(peer.received.length).toBe((written / request.length) * per)
    },
  )
})

describe.skipIf(!has('nc')).concurrent('04 nc (needs nc)', () => {
  test('talks to the server of lines, and to that of delimiter', async ({ kit }) => {
    for (const [id, input, output] of [
      ['04/lines', 'one\nżółw\n', 'ONE\nżółW\n'],
      ['04/delimiter', 'one\r\ntwo\r\n', 'ONE\r\nTWO\r\n'],
    ] as const) {
      const server = await kit.server(id)
      const args = ['-N', '127.0.0.1', String(server.port)]
      const { code, stdout } = await kit.program('nc', args, { input }).ended
      expect({ code, stdout }).toEqual({ code: 0, stdout: output })
    }
  })
})

const PYTHON = `
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for text in ("hello", "", "x" * 65536):
    s.sendall(struct.pack(">I", len(text)) + text.encode())
s.shutdown(socket.SHUT_WR)
data = s.makefile("rb").read()
at = 0
while at < len(data):
    (n,) = struct.unpack_from(">I", data, at)
    print(n, data[at + 4:at + 4 + min(n, 5)].decode())
    at += 4 + n
`

test.skipIf(!has('python3'))(
  '04 length-prefix talks to Python’s struct (needs python3)',
  async ({ kit }) => {
    const server = await kit.server('04/length-prefix')
    const exit = await kit.program('python3', ['-c', PYTHON, String(server.port)]).ended
    expect(exit).toMatchObject({ code: 0, stdout: '5 HELLO\n0 \n65536 XXXXX\n', stderr: '' })
  },
)

describe.concurrent('04 clients', () => {
  test.for(['04/oversize', '04/nagle', '04/split-utf8'])(
    '%s says in one line that somebody else answers, or nobody any more',
    async (id, { kit }) => {
      const other = await kit.server('01/tcp')
      const asked = await kit.client(id, other).ended
      expect(asked.code).toBe(1)
      expect(asked.stderr).toMatch(
        /^(whoever answers at|lost the connection to|what \S+ sent makes no frames:) [^\n]+\n$/,
      )
    },
  )
})

describe('04 nagle', () => {
  test('shows one data event for ten segments, and a stall that noDelay and one write cure', async ({
    kit,
  }) => {
    const server = await kit.server('04/nagle', '--busy-ms', '1000')
    const { stdout } = await kit.client('04/nagle', server, { args: ['--rounds', '11'] }).ended
    const [off, on, ...ways] = linesOf(stdout)
    const segments = onLinux && has('ss') ? '10' : String.raw`\(only ss on Linux knows\) `
    for (const [line, noDelay] of [
      [off, false],
      [on, true],
    ] as const) {
      expect(line).toMatch(
        new RegExp(`^noDelay ${noDelay}: 10 writes, ${segments} segments, data events: 1$`),
      )
    }
    const ms = ways.map(line => Number(/after (\S+) ms/.exec(line)?.[1]))
    expect(ways.map(line => line.split(':')[0])).toEqual([
      'two writes',
      'two writes, noDelay',
      'two writes, corked',
      'one write',
    ])
    for (const cured of ms.slice(1)) expect(ms[0]! / cured).toBeGreaterThan(3)
  })

  test('server survives a frame that is cut, and one that is too long cannot be said', async ({
    kit,
  }) => {
    const server = await kit.server('04/nagle')
    const cut = await kit.connect(server)
    await cut.write(Buffer.of(200, 1))
    cut.socket.resetAndDestroy()
    const peer = await kit.connect(server)
    await peer.write(Buffer.of(255, ...randomBytes(255)))
    await peer.receive(8)
    expectNoStack((await server.stop()).stderr)
  })
})

describe.concurrent('04 split-utf8', () => {
  test('shows the cut character broken by one way of three', async ({ kit }) => {
    const server = await kit.server('04/split-utf8')
    const { stdout } = await kit.client('04/split-utf8', server).ended
    expect(linesOf(stdout)).toEqual([
      'sent 3 bytes c5bcc3',
      'read 3 bytes',
      'sent 5 bytes b3c582770a',
      'chunk by chunk: "ż��łw\\n"',
      'StringDecoder : "żółw\\n"',
      'line by line  : "żółw\\n"',
      'read 8 bytes',
    ])
  })

  test('breaks nothing where the cut is between characters', async ({ kit }) => {
    const server = await kit.server('04/split-utf8')
    const { stdout } = await kit.client('04/split-utf8', server, { args: ['--cut', '4'] }).ended
    expect(stdout.match(/: "żółw\\n"/g)).toHaveLength(3)
  })

  test('server ends a line that is too long', async ({ kit }) => {
    const server = await kit.server('04/split-utf8')
    const peer = await kit.connect(server)
    await peer.write('x'.repeat(2000))
    await peer.closed
    await server.complaint(/^error 127\.0\.0\.1:\d+ ERR_FRAME_TOO_LARGE$/)
  })
})

describe.concurrent('04 oversize', () => {
  test.runIf(withSome)(
    'a limit ends the forged length at once; without one 16 MiB are kept',
    async ({ kit }) => {
      const server = await kit.server('04/oversize')
      const { stdout } = await kit.client('04/oversize', server).ended
      expect(linesOf(stdout)).toEqual([
        'with a limit: closed the connection',
        'without one:  took 16 MiB, and waits for the rest',
      ])
      await server.line(/^refused 127\.0\.0\.1:\d+ frame of 4294967295 bytes, limit 65536$/)
      await server.line(new RegExp(`^kept 127\\.0\\.0\\.1:\\d+ ${16 * MIB + 4} bytes$`))
    },
  )

  test('refuses one byte over its limit, and takes the limit', async ({ kit }) => {
    const server = await kit.server('04/oversize', '--max-frame-bytes', '64')
    const peer = await kit.connect(server)
    await peer.write(Buffer.concat([Buffer.of(0, 0, 0, 64), Buffer.alloc(64)]))
    await peer.receive('limited')
    await peer.write(Buffer.of(0, 0, 0, 65))
    await peer.closed
    await server.line('limit 64')
  })
})
