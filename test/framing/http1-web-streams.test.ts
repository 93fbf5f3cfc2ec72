/** HTTP/1.1 over Web Streams: `readWebMessages()` and `messageStream()`. */
import { describe, expect, test } from 'vitest'
import { http1Request, http1Response } from '#lib/framing/http1.ts'
import { messageStream, readWebMessages } from '#lib/framing/http1-web-streams.ts'
import { allCuts, bytes } from './support/cuts.ts'

/** A stream of these chunks that counts how many were asked for. */
function source(chunks: Iterable<Uint8Array>, failure?: Error) {
  const all = chunks[Symbol.iterator]()
  const seen = { pulled: 0, cancelled: undefined as unknown }
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const { done, value } = all.next()
        if (!done) {
          seen.pulled++
          controller.enqueue(value)
        } else if (failure !== undefined) controller.error(failure)
        else controller.close()
      },
      cancel(reason) {
        seen.cancelled = reason
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, seen }
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  const reader = stream.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    pieces.push(next.value)
  }
  return pieces
}

const text = async (stream: ReadableStream<Uint8Array>) => String(bytes(...(await collect(stream))))
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error,
  )

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const SIZED = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'

describe('readWebMessages', () => {
  test('gives heads, bodies and trailers, however the bytes come', async () => {
    const wire = bytes(
      `${SIZED}hello`,
      `${CHUNKED}2\r\nhe\r\n3\r\nllo\r\n0\r\nX: 1\r\n\r\n`,
      'HTTP/1.1 204 None\r\n\r\n',
      'HTTP/1.0 200 OK\r\n\r\nto the end',
    )
    for (const [cut, chunks] of allCuts(wire)) {
      const found: unknown[] = []
      const decoder = http1Response().decoder()
      for await (const message of readWebMessages(source(chunks).stream, decoder)) {
        expect(message.trailers).toBeNull()
        const body = await text(message.body)
        found.push([message.status, body, [...message.trailers!]])
      }
      expect([cut, found]).toEqual([
        cut,
        [
          [200, 'hello', []],
          [200, 'hello', [['X', '1']]],
          [204, '', []],
          [200, 'to the end', []],
        ],
      ])
    }
  })

  test('reads no more bytes than its bodies are asked for', async () => {
    const chunks = [bytes(`${CHUNKED}1\r\na\r\n`), bytes('1\r\nb\r\n'), bytes('0\r\n\r\n')]
    const { stream, seen } = source(chunks)
    const messages = readWebMessages(stream, http1Response().decoder())
    const { value } = await messages.next()
    expect(seen.pulled).toBe(1)
    const reader = value!.body.getReader()
    expect(String(bytes((await reader.read()).value!))).toBe('a')
    expect(seen.pulled).toBe(1)
    expect(String(bytes((await reader.read()).value!))).toBe('b')
    expect(seen.pulled).toBe(2)
    expect((await reader.read()).done).toBe(true)
    expect((await messages.next()).done).toBe(true)
  })

  test('skips what was left of a body, and says so to its reader', async () => {
    const wire = [bytes(`${CHUNKED}1\r\na\r\n`), bytes('1\r\nb\r\n0\r\n\r\n', SIZED, 'hello')]
    const messages = readWebMessages(source(wire).stream, http1Response().decoder())
    const first = (await messages.next()).value!
    const reader = first.body.getReader()
    await reader.read()
    const second = (await messages.next()).value!
    expect(await text(second.body)).toBe('hello')
    expect(first.trailers).not.toBeNull()
    await expect(reader.read()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' })
  })

  test('goes on behind a body that was cancelled, also while a piece was awaited', async () => {
    let come = (_: Uint8Array): void => {}
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        come = chunk => controller.enqueue(chunk)
      },
    })
    const messages = readWebMessages(stream, http1Response().decoder())
    come(bytes(CHUNKED))
    const { body } = (await messages.next()).value!
    const reader = body.getReader()
    const waiting = reader.read()
    await reader.cancel()
    expect(await waiting).toEqual({ done: true, value: undefined })
    const next = messages.next()
    come(bytes('1\r\na\r\n0\r\n\r\n', SIZED, 'hello'))
    expect(await text((await next).value!.body)).toBe('hello')
  })

  test('refuses the next message while a piece of a body is awaited', async () => {
    const stream = new ReadableStream<Uint8Array>({
      start: controller => controller.enqueue(bytes(CHUNKED)),
    })
    const messages = readWebMessages(stream, http1Response().decoder())
    const reader = (await messages.next()).value!.body.getReader()
    const waiting = failureOf(reader.read())
    await expect(messages.next()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' })
    // The loop has ended, and with it the reading that the body waited for.
    expect(await waiting).toBeInstanceOf(TypeError)
    expect(stream.locked).toBe(false)
  })

  test.each([
    ['is cut off', `${SIZED}hell`, 'ERR_FRAME_TRUNCATED'],
    ['is malformed', `${CHUNKED}x\r\n`, 'ERR_FRAME_MALFORMED'],
  ])('fails the body, and the loop after it, when it %s', async (_, wire, code) => {
    const messages = readWebMessages(source([bytes(wire)]).stream, http1Response().decoder())
    const { body } = (await messages.next()).value!
    const failure = await failureOf(collect(body))
    expect(failure).toMatchObject({ name: 'FrameError', code })
    expect(await failureOf(messages.next())).toBe(failure)
  })

  test('fails with what the stream failed with', async () => {
    const broken = new Error('broken')
    const { stream } = source([bytes(SIZED, 'he')], broken)
    const messages = readWebMessages(stream, http1Response().decoder())
    const { body } = (await messages.next()).value!
    expect(await failureOf(collect(body))).toBe(broken)
    expect(await failureOf(messages.next())).toBe(broken)
  })

  test('leaves the stream to another protocol, and its bytes in the decoder', async () => {
    const { stream, seen } = source([
      bytes('HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\nother'),
      bytes(' protocol'),
    ])
    const decoder = http1Response().decoder()
    for await (const message of readWebMessages(stream, decoder)) {
      expect(message.status).toBe(101)
      expect(await text(message.body)).toBe('')
      break
    }
    expect(seen).toEqual({ pulled: 1, cancelled: undefined })
    expect(String(bytes(decoder.rest()))).toBe('other')
    expect(await text(stream)).toBe(' protocol')
  })
})

describe('messageStream', () => {
  /** What goes on the wire, read back as one message. */
  async function sent(stream: ReadableStream<Uint8Array>): Promise<unknown> {
    const found: unknown[] = []
    for await (const message of readWebMessages(stream, http1Response().decoder())) {
      found.push([message.status, await text(message.body), [...message.trailers!]])
    }
    return found
  }

  test('sends a body in chunks, without its empty pieces, then trailers made at its end', async () => {
    let pieces = 0
    const body = source(
      (function* () {
        for (const piece of ['one', '', '', 'two']) {
          pieces++
          yield bytes(piece)
        }
      })(),
    )
    const trailers = () => ({ Pieces: `${pieces}` })
    const message = messageStream(
      http1Response().encoder(),
      { status: 200 },
      { body: body.stream, trailers },
    )
    const wire = await collect(message)
    expect(wire.map(piece => String(bytes(piece)))).toEqual([
      'HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n',
      '3\r\none\r\n',
      '3\r\ntwo\r\n',
      '0\r\nPieces: 4\r\n\r\n',
    ])
  })

  test('sends a body of an announced length as it is, without a copy', async () => {
    const piece = bytes('hello')
    const headers = { 'Content-Length': '5' }
    const encoder = http1Response().encoder()
    const wire = await collect(
      messageStream(encoder, { status: 200, headers }, { body: source([piece]).stream }),
    )
    expect(wire).toHaveLength(2)
    expect(wire[1]).toBe(piece)
    // The encoder goes on with the next message of the connection.
    expect(await sent(messageStream(encoder, { status: 204 }))).toEqual([[204, '', []]])
  })

  test('carries the body of one message as that of another', async () => {
    const wire = bytes('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    const chunks = [bytes(wire, '3\r\none\r\n'), bytes('3\r\ntwo\r\n0\r\n\r\n')]
    for await (const { body } of readWebMessages(source(chunks).stream, http1Request().decoder())) {
      const answer = messageStream(http1Response().encoder(), { status: 200 }, { body })
      expect(await sent(answer)).toEqual([[200, 'onetwo', []]])
    }
  })

  test('asks for a piece of the body only when its reader asks', async () => {
    const { stream, seen } = source([bytes('a'), bytes('b')])
    const reader = messageStream(
      http1Response().encoder(),
      { status: 200 },
      { body: stream },
    ).getReader()
    const turn = () => new Promise(resume => setImmediate(resume)) // all that may happen has
    await turn()
    await reader.read()
    await turn()
    expect(seen.pulled).toBe(0)
    await reader.read()
    await turn()
    expect(seen.pulled).toBe(1)
    await reader.cancel('enough')
    expect(seen).toEqual({ pulled: 1, cancelled: 'enough' })
  })

  test('refuses a bad head at once, and takes another after it', async () => {
    const encoder = http1Response().encoder()
    expect(() => messageStream(encoder, { status: 200, headers: { 'a b': '1' } })).toThrow(
      RangeError,
    )
    expect(await sent(messageStream(encoder, { status: 204 }))).toEqual([[204, '', []]])
  })

  test.each([
    ['longer', ['hello', '!'], true],
    ['shorter', ['hell'], false],
  ])('fails when a body is %s than announced', async (_, pieces, cancels) => {
    const { stream, seen } = source(pieces.map(piece => bytes(piece)))
    const headers = { 'Content-Length': '5' }
    const encoder = http1Response().encoder()
    const failure = await failureOf(
      collect(messageStream(encoder, { status: 200, headers }, { body: stream })),
    )
    expect(failure).toBeInstanceOf(RangeError)
    // What has ended by itself is not cancelled.
    expect(seen.cancelled).toBe(cancels ? failure : undefined)
  })

  test('fails with what its body failed with, and so the connection is aborted', async () => {
    const broken = new Error('broken')
    const body = source([bytes('a')], broken).stream
    let aborted: unknown
    const connection = new WritableStream<Uint8Array>({
      abort(reason) {
        aborted = reason
      },
    })
    const message = messageStream(http1Response().encoder(), { status: 200 }, { body })
    expect(await failureOf(message.pipeTo(connection, { preventClose: true }))).toBe(broken)
    expect(aborted).toBe(broken)
  })
})
