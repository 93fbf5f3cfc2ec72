import { randomBytes } from 'node:crypto'
import { describe, expect, vi } from 'vitest'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { KeepTheRest } from '../../chapters/04-sticky-packets/decoder/5-keep-the-rest.ts'
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
  '04/header': [
    '5 answers "ONE" "TWO WORDS" "żółW" "TWO\\r\\nLINES" ""',
    'on the wire: 64000000076f6e65',
    'length taken from the first byte on: ERR_FRAME_TOO_LARGE, ' +
      'frame of 1677721600 bytes, limit 65536',
    'length taken for that of the payload: ' +
      '"d\\u0000\\u0000\\u0000\\u0007oned\\u0000\\u0000\\u0000" ERR_FRAME_TOO_LARGE, ' +
      'frame of 1953984293 bytes, limit 65536',
  ],
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
  ['04/header', 'a length below its own', Buffer.of(0x64, 0, 0, 0, 3), 'ERR_FRAME_MALFORMED'],
  ['04/header', 'half a frame', Buffer.of(0x64, 0, 0, 0, 6, 1), 'ERR_FRAME_TRUNCATED'],
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
  test('shows one data event for 2 segments and for 11, and a stall that noDelay and one write cure', async ({
    kit,
  }) => {
    const server = await kit.server('04/nagle', '--busy-ms', '1000')
    const { stdout } = await kit.client('04/nagle', server).ended
    const [off, on, ...ways] = linesOf(stdout)
    const segments = (count: number) =>
      onLinux && has('ss') ? `${count} segments` : 'segments: only ss on Linux knows'
    expect(off).toBe(`noDelay false: 11 writes, ${segments(2)}, 1 data event`)
    expect(on).toBe(`noDelay true: 11 writes, ${segments(11)}, 1 data event`)
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

/** The tests of the client, in its order. */
const DECODER_TESTS = [
  'a message in one chunk',
  'a message in two chunks',
  'two messages in one chunk',
  'a length of 4 GiB',
  'one message and a half, then the rest',
  'a message, then a length of 4 GiB',
  'an end inside a message',
]

/** What the decoder of each step fails. */
const failures: [step: number, failure: string | undefined][] = [
  [1, 'after chunk 1 expected nothing yet, got "o"'],
  [2, 'after chunk 1 expected "one" "two", got "one"'],
  [3, 'after chunk 1 expected an error, got nothing yet'],
  [4, 'after chunk 2 expected "two", got nothing yet'],
  [5, 'after chunk 1 expected "two" an error, got an error'],
  [6, undefined],
]

describe.concurrent('04 decoder', () => {
  test.for(failures)(
    'of step %i passes one test more than the step before, and fails the next one',
    async ([step, failure], { kit }) => {
      const server = await kit.server('04/decoder', '--step', String(step))
      const { code, stdout, stderr } = await kit.client('04/decoder', server).ended
      const passed = DECODER_TESTS.slice(0, failure ? step : undefined).map(name => `ok   ${name}`)
      const failed = failure ? [`FAIL ${DECODER_TESTS[step]}: ${failure}`] : []
      expect(linesOf(stdout)).toEqual([...passed, ...failed])
      expect({ code, stderr }).toEqual({ code: failure ? 1 : 0, stderr: '' })
    },
  )
})

describe('04 decoder of twenty lines', () => {
  const codec = lengthPrefix()
  const texts = ['one', '', 'żółw', 'x'.repeat(300)]
  const wire = Buffer.concat(texts.map(text => codec.encode(Buffer.from(text))))
  const read = (chunks: readonly Buffer[]): string[] => {
    const decoder = new KeepTheRest()
    return chunks.flatMap(chunk => decoder.push(chunk)).map(String)
  }

  test('returns the same messages however the stream is cut', () => {
    for (let at = 0; at <= wire.length; at++) {
      expect(read([wire.subarray(0, at), wire.subarray(at)]), `cut at ${at}`).toEqual(texts)
    }
    expect(read([...wire].map(byte => Buffer.of(byte)))).toEqual(texts)
  })

  test('does not notice that the stream ends inside a message, and the kit’s decoder does', () => {
    expect(new KeepTheRest()).not.toHaveProperty('end')
    const decoder = codec.decoder()
    decoder.push(wire.subarray(0, 5))
    expect(decoder.read()).toBe(null)
    expect(() => decoder.end()).toThrow(expect.objectContaining({ code: 'ERR_FRAME_TRUNCATED' }))
  })

  test('copies 8 MiB for a message of 4 KiB that comes byte by byte, and the kit’s decoder none by concat', () => {
    const bytes = [...codec.encode(new Uint8Array(4096))].map(byte => Buffer.of(byte))
    const concat = vi.spyOn(Buffer, 'concat')
    const copied = () =>
      concat.mock.calls
        .flatMap(([parts]) => parts.map(part => part.length))
        .reduce((a, b) => a + b, 0)
    try {
      expect(read(bytes)).toHaveLength(1)
      expect(copied() / 2 ** 20).toBeCloseTo(8, 0)
      concat.mockClear()
      const decoder = codec.decoder()
      for (const byte of bytes) decoder.push(byte)
      expect(decoder.read()).toHaveLength(4096)
      expect(copied()).toBe(0)
    } finally {
      concat.mockRestore()
    }
  })
})

test('04 header speaks the packets of MySQL, and shows two ways to read them wrongly', async ({
  kit,
}) => {
  const server = await kit.server('04/header', '--format', 'mysql')
  const { stdout } = await kit.client('04/header', server, { args: ['--format', 'mysql'] }).ended
  const answers = '5 answers "ONE" "TWO WORDS" "żółW" "TWO\\r\\nLINES" ""'
  expect(linesOf(stdout)).toEqual([
    `in one write: ${answers}`,
    `byte by byte: ${answers}`,
    'on the wire: 030000006f6e65',
    'length read as big-endian: ERR_FRAME_TOO_LARGE, frame of 196612 bytes, limit 65536',
    'number taken for payload: "\\u0003\\u0000\\u0000\\u0000on" ERR_FRAME_TRUNCATED, ' +
      'the stream ended after 43 of the 2408 bytes of a frame',
  ])
  const peer = await kit.connect(server)
  await peer.write(Buffer.from('\x02\0\0\x07hi', 'latin1'))
  await peer.receive(6)
  expect(peer.received.toString('latin1')).toBe('\x02\0\0\x07HI')
})

test('04 header refuses an unknown format in one line', async ({ kit }) => {
  const exit = await kit.script('04:header:server', ['--format', 'oracle']).ended
  expect(exit).toMatchObject({ code: 2, stdout: '' })
  expect(exit.stderr).toBe('--format is "oracle": expected postgresql or mysql\n')
})

test('04 json is unreadable chunk by chunk, and a line that is no JSON costs one line', async ({
  kit,
}) => {
  const { stdout } = await kit.client('04/json', await kit.server('04/json')).ended
  expect(linesOf(stdout)).toEqual([
    'sent {"order":',
    '  chunk by chunk: SyntaxError: Unexpected end of JSON input',
    'sent 42}\\n',
    '  chunk by chunk: SyntaxError: Unexpected non-whitespace character after JSON at position 2',
    '  line by line:   {"order":42}',
    'sent {"order":43}\\n{"order":44}\\n',
    '  chunk by chunk: SyntaxError: Unexpected non-whitespace character after JSON at position 13',
    '  line by line:   {"order":43}',
    '  line by line:   {"order":44}',
    'sent not JSON\\n',
    String.raw`  chunk by chunk: SyntaxError: Unexpected token 'o', "not JSON\n" is not valid JSON`,
    `  line by line:   SyntaxError: Unexpected token 'o', "not JSON" is not valid JSON`,
    'sent {"order":45}\\n',
    '  chunk by chunk: {"order":45}',
    '  line by line:   {"order":45}',
  ])
})

describe.concurrent('04 gbk', () => {
  test('shows text lost by two ways of four, and a field cut inside a character', async ({
    kit,
  }) => {
    const { stdout } = await kit.client('04/gbk', await kit.server('04/gbk')).ended
    expect(linesOf(stdout)).toEqual([
      'sent c4e3ba',
      'sent c3cac0bde70a',
      'as UTF-8:       "�������"',
      'chunk by chunk: "你�檬澜�"',
      'as a stream:    "你好世界"',
      'line by line:   "你好世界"',
      'two fields: c6b7d97c7c313030',
      'cut at 7c, then decoded: ["品�","","100"]',
      'decoded, then cut:       ["品質","100"]',
      "setEncoding('gbk'): ERR_UNKNOWN_ENCODING",
    ])
  })

  test.for(['server', 'client'] as const)(
    '%s says in one line that Node has no table for GBK',
    async (role, { kit }) => {
      // As Node does it where its ICU is small.
      const small = `const Full = TextDecoder; globalThis.TextDecoder = class extends Full {
        constructor(label, options) {
          if (label === 'gbk') {
            throw Object.assign(new RangeError(label), { code: 'ERR_ENCODING_NOT_SUPPORTED' })
          }
          super(label, options)
        }
      }`
      const hook = `--import=data:text/javascript,${encodeURIComponent(small)}`
      const env = { NODE_OPTIONS: hook }
      const exit = await kit.script(`04:gbk:${role}`, ['--port', '1'], { env }).ended
      expect(exit).toMatchObject({ code: 1, stdout: '' })
      expect(exit.stderr).toMatch(
        /^this Node has no table for GBK: ERR_ENCODING_NOT_SUPPORTED \(its ICU: [^\n]+\)\n$/,
      )
    },
  )

  test('has no character with a line feed in it, so lines can be cut before they are decoded', () => {
    const decoder = new TextDecoder('gbk')
    for (let first = 0x81; first <= 0xfe; first++) {
      expect(decoder.decode(Uint8Array.of(first, 0x0a))).toMatch(/\n$/)
    }
  })
})
