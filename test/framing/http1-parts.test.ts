/** Messages in parts: what `readPart()` gives, and `readMessages()` over sockets. */
import { once } from 'node:events'
import http from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FrameError } from '#lib/framing/frame.ts'
import {
  type Http1Decoder,
  type Http1Response,
  type Http1ResponseDecoder,
  http1Request,
  http1Response,
} from '#lib/framing/http1.ts'
import { readMessages } from '#lib/framing/http1-stream.ts'
import { requestCorpus, responseCorpus } from './http1-corpus.ts'
import { allCuts, bytes, cutAt } from './support/cuts.ts'
import { socketPair } from './support/sockets.ts'

interface Seen {
  messages: [head: string, body: string, trailers: string][]
  error: unknown[] | null
}

/** Reads whole messages, or joins their parts: both see the same. */
function seenBy<Frame>(decoder: Http1Decoder<Frame>, chunks: Uint8Array[], parts: boolean): Seen {
  const messages: Seen['messages'] = []
  let open: [string, string] | null = null
  const plain = (message: object) =>
    JSON.stringify(Object.entries({ ...message, body: 0, trailers: 0 }).sort())
  const step = (): boolean => {
    if (!parts) {
      const frame = decoder.read() as unknown as Http1Response | null
      if (frame === null) return false
      messages.push([plain(frame), String(bytes(frame.body)), JSON.stringify(frame.trailers)])
      return true
    }
    const part = decoder.readPart()
    if (part === null) return false
    if (part.kind === 'head') open = [plain(part.head), '']
    else if (part.kind === 'data') {
      expect(part.data.length).toBeGreaterThan(0)
      open![1] += String(bytes(part.data))
    } else {
      messages.push([...open!, JSON.stringify(part.trailers)])
      open = null
    }
    return true
  }
  try {
    for (const chunk of chunks) {
      decoder.push(chunk)
      while (step());
    }
    decoder.end()
    while (step());
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    const { code, offset, status } = error
    expect(() => decoder.readPart()).toThrow(error)
    return { messages, error: [code, offset, status] }
  }
  return { messages, error: null }
}

const post = 'POST / HTTP/1.1\r\nHost: a\r\n'
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`
const ok = 'HTTP/1.1 200 OK\r\n'

describe('readPart', () => {
  test.each([
    ['a length', `${post}Content-Length: 5\r\n\r\nhello${post}Content-Length: 2\r\n\r\nhi`],
    ['no body', `GET / HTTP/1.1\r\nHost: a\r\n\r\n${post}\r\n${post}Content-Length: 0\r\n\r\n`],
    ['chunks', `${chunked}3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n${post}\r\n`],
    ['trailers', `${chunked}1\r\na\r\n0\r\nX: 1\r\nY: 2\r\n\r\n${chunked}0\r\n\r\n`],
    ['a body that is cut off', `${post}Content-Length: 5\r\n\r\nhel`],
    ['chunks that are cut off', `${chunked}3\r\nab`],
    ['a bad chunk size', `${chunked}3\r\nabc\r\nx\r\n`],
    ['a chunk without its end', `${chunked}3\r\nabcd\r\n`],
    ['a bad head behind a body', `${post}Content-Length: 1\r\n\r\nxGET x HTTP/1.1\r\n`],
    ['bytes after the last request', `${post}Connection: close\r\n\r\nGET`],
  ])('of a request with %s gives what read() gives, at any cut', (_, text) => {
    const stream = bytes(text)
    const whole = seenBy(http1Request().decoder(), [stream], false)
    for (const [cut, chunks] of allCuts(stream)) {
      expect({ cut, ...seenBy(http1Request().decoder(), chunks, true) }).toEqual({ cut, ...whole })
    }
  })

  test.each([
    ['up to the end of the stream', `${ok}\r\nhello, world`],
    ['after an interim response', `HTTP/1.1 103 x\r\nA: b\r\n\r\n${ok}Content-Length: 2\r\n\r\nhi`],
    ['that is empty', `HTTP/1.1 204 x\r\n\r\nHTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n${ok}\r\n`],
  ])('of a response with a body %s gives what read() gives, at any cut', (_, text) => {
    const stream = bytes(text)
    const whole = seenBy(http1Response().decoder(), [stream], false)
    expect(whole.error).toBeNull()
    for (const [cut, chunks] of allCuts(stream)) {
      expect({ cut, ...seenBy(http1Response().decoder(), chunks, true) }).toEqual({ cut, ...whole })
    }
  })

  test.each([
    ['http1Request', () => http1Request().decoder(), requestCorpus],
    ['http1Response', () => http1Response().decoder(), responseCorpus],
  ] as const)('of %s gives what read() gives, for damaged messages too', (_, make, corpus) => {
    const damage = fc.record({
      at: fc.nat({ max: 300 }),
      cut: fc.nat({ max: 3 }),
      put: fc.constantFrom(
        '',
        '\r',
        '\n',
        '\r\n',
        ' ',
        ';',
        '0',
        '5',
        '\0',
        'Content-Length: 3\r\n',
      ),
    })
    const places = fc.array(fc.nat({ max: 600 }), { maxLength: 12 })
    fc.assert(
      fc.property(fc.constantFrom(...corpus), damage, places, (entry, { at, cut, put }, places) => {
        const place = at % (entry.bytes.length + 1)
        const text = entry.bytes.slice(0, place) + put + entry.bytes.slice(place + cut)
        const stream = Buffer.from(text, 'latin1')
        const decode = (parts: boolean, chunks: Uint8Array[]) => {
          const decoder = make() as Http1Decoder<unknown>
          if ('expect' in decoder && entry.method !== undefined) {
            ;(decoder as Http1ResponseDecoder).expect(entry.method)
          }
          return seenBy(decoder, chunks, parts)
        }
        const whole = decode(false, [stream])
        if (whole.error?.[0] === 'ERR_FRAME_TOO_LARGE') return // a limit that parts do not have
        expect(decode(true, cutAt(stream, places))).toEqual(whole)
        expect(
          decode(
            true,
            Array.from(stream, byte => Uint8Array.of(byte)),
          ),
        ).toEqual(whole)
      }),
      { numRuns: 1000 },
    )
  })

  test('has no limit for bodies, while read() has one', () => {
    const limits = { maxBodyBytes: 4 }
    for (const text of [
      `${ok}Content-Length: 5\r\n\r\nhello`,
      `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
      `${ok}\r\nhello`,
    ]) {
      const inParts = seenBy(http1Response(limits).decoder(), [bytes(text)], true)
      expect([inParts.error, inParts.messages[0]?.[1]]).toEqual([null, 'hello'])
      const whole = seenBy(http1Response(limits).decoder(), [bytes(text)], false)
      expect(whole.error?.[0]).toBe('ERR_FRAME_TOO_LARGE')
    }
    const huge = bytes(`${chunked}ffffffffffffffff\r\n`)
    expect(seenBy(http1Request().decoder(), [huge], true).error?.[0]).toBe('ERR_FRAME_TOO_LARGE')
  })

  test('gives a body where it lies, and keeps its head when the chunk is filled anew', () => {
    const decoder = http1Request().decoder()
    const chunk = bytes(`${post}X: 1\r\nContent-Length: 8\r\n\r\nhell`)
    decoder.push(chunk)
    const part = decoder.readPart()
    const data = decoder.readPart()
    expect(data?.kind === 'data' && data.data.buffer).toBe(chunk.buffer)
    expect(decoder.readPart()).toBeNull()
    chunk.fill(0)
    expect(part?.kind === 'head' && part.head.headers.get('x')).toBe('1')
  })

  test('and read() take turns between messages, not inside one', () => {
    const decoder = http1Request().decoder()
    const one = `${post}Content-Length: 2\r\n\r\nhi`
    decoder.push(bytes(one, one, one.slice(0, -1)))
    expect(decoder.readPart()?.kind).toBe('head')
    expect(() => decoder.read()).toThrow(RangeError)
    expect(() => decoder.rest()).toThrow(RangeError)
    expect([decoder.readPart()?.kind, decoder.readPart()?.kind]).toEqual(['data', 'end'])
    expect(String(decoder.read()?.body)).toBe('hi')
    expect(decoder.read()).toBeNull()
    expect(() => decoder.readPart()).toThrow(RangeError)
    decoder.push(bytes('i'))
    expect(String(decoder.read()?.body)).toBe('hi')
    expect(decoder.rest()).toHaveLength(0)
  })

  test('says that a client waits for 100 Continue, until the body begins', () => {
    const decoder = http1Request().decoder()
    decoder.push(bytes(`${post}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`))
    expect(decoder.readPart()?.kind).toBe('head')
    expect([decoder.readPart(), decoder.awaitsContinue]).toEqual([null, true])
    decoder.push(bytes('h'))
    expect([decoder.readPart()?.kind, decoder.awaitsContinue]).toEqual(['data', false])
  })
})

/** A server of Node, and a socket that has sent it requests for these targets. */
async function asking(handler: http.RequestListener, targets: string[]): Promise<Socket> {
  const server = http.createServer(handler)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => {
    socket.destroy()
    server.close()
    server.closeAllConnections()
  })
  for (const target of targets) {
    socket.write(http1Request().encode({ method: 'GET', target, headers: { Host: 'a' } }))
  }
  return socket
}

describe('readMessages', () => {
  test('gives events of a response that never ends, as they come', async () => {
    let send = (_: string): void => {}
    const socket = await asking(
      (_, response) => {
        response.setHeader('Content-Type', 'text/event-stream')
        response.flushHeaders()
        send = text => response.write(text)
      },
      ['/'],
    )
    const events: string[] = []
    reading: for await (const { headers, body } of readMessages(
      socket,
      http1Response().decoder(),
    )) {
      expect(headers.get('content-type')).toBe('text/event-stream')
      send('data: 0\n\n')
      for await (const piece of body) {
        events.push(String(piece))
        if (events.length === 3) break reading
        send(`data: ${events.length}\n\n`)
      }
    }
    expect(events).toEqual(['data: 0\n\n', 'data: 1\n\n', 'data: 2\n\n'])
  })

  test.each(['chunked', 'sized', 'up to the end'])(
    'reads 200 MiB, %s, in bounded memory',
    async how => {
      const total = 200 * 1024 * 1024
      const block = Buffer.alloc(256 * 1024, 'x')
      const socket = await asking(
        (_, response) => {
          if (how === 'sized') response.setHeader('Content-Length', total)
          if (how === 'up to the end') response.useChunkedEncodingByDefault = false
          const blocks = function* () {
            for (let at = 0; at < total; at += block.length) yield block
          }
          Readable.from(blocks(), { objectMode: false, highWaterMark: 1 }).pipe(response)
        },
        ['/'],
      )
      let size = 0
      let most = 0
      const before = process.memoryUsage().arrayBuffers
      for await (const message of readMessages(socket, http1Response().decoder())) {
        expect(message.headers.has('content-length')).toBe(how === 'sized')
        for await (const piece of message.body) {
          size += piece.length
          most = Math.max(most, process.memoryUsage().arrayBuffers - before)
        }
        expect(message.trailers?.size).toBe(0)
        break
      }
      expect(size).toBe(total)
      expect(most).toBeLessThan(total / 2)
    },
    60_000,
  )

  test('reads the socket no faster than the body is read', async () => {
    const [client, peer] = await socketPair()
    const messages = readMessages(client, http1Response().decoder())
    peer.write(`${ok}Content-Length: ${1e9}\r\n\r\n`)
    const { value } = await messages.next()
    const body = value!.body[Symbol.asyncIterator]()
    const block = Buffer.alloc(1024 * 1024)
    // The kernel's buffers take some MiB, then the writer has to wait.
    let sent = 0
    while (peer.writableLength < 2 * block.length) {
      peer.write(block)
      sent += block.length
      await new Promise(resolve => setImmediate(resolve))
      expect(sent).toBeLessThan(100 * block.length)
    }
    const { bytesRead } = client
    const first = await body.next()
    expect(first.value!.length).toBeGreaterThan(0)
    expect(bytesRead).toBeLessThanOrEqual(1024 * 1024)
  })

  test('skips what was left of a body, and gives the next message', async () => {
    const socket = await asking(
      (request, response) => {
        response.setHeader('Trailer', 'X')
        response.write('a'.repeat(300_000))
        response.addTrailers({ X: request.url! })
        response.end('b'.repeat(300_000))
      },
      ['/1', '/2', '/3'],
    )
    const found: unknown[] = []
    for await (const message of readMessages(socket, http1Response().decoder())) {
      let size = 0
      if (found.length === 0) {
        for await (const piece of message.body) {
          size += piece.length
          break
        }
        expect(size).toBeLessThan(600_000)
        expect(message.trailers).toBeNull()
      } else if (found.length === 2) for await (const piece of message.body) size += piece.length
      found.push(message)
      if (found.length === 3) {
        expect([size, message.trailers?.get('x')]).toEqual([600_000, '/3'])
        break
      }
    }
    expect(found).toHaveLength(3)
  })

  test('refuses a second loop over a body, and the next message while a piece is awaited', async () => {
    const [client, peer] = await socketPair()
    peer.write(`${ok}Content-Length: 3\r\n\r\na`)
    const messages = readMessages(client, http1Response().decoder())
    const { value: message } = await messages.next()
    const body = message!.body[Symbol.asyncIterator]()
    expect(String((await body.next()).value)).toBe('a')
    const again = message!.body[Symbol.asyncIterator]()
    await expect(again.next()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' })
    const refused = expect(body.next()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' })
    await expect(messages.next()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' })
    await refused
  })

  test.each([
    ['ends', (peer: Socket) => peer.end(), 'ERR_FRAME_TRUNCATED'],
    ['is reset', (peer: Socket) => peer.resetAndDestroy(), 'ECONNRESET'],
  ])('rejects in the body when the connection %s inside it', async (_, leave, code) => {
    const [client, peer] = await socketPair()
    peer.write(`${ok}Content-Length: 10\r\n\r\nhello`)
    let text = ''
    const reading = async () => {
      for await (const { body } of readMessages(client, http1Response().decoder())) {
        for await (const piece of body) {
          text += piece
          leave(peer)
        }
      }
    }
    await expect(reading()).rejects.toMatchObject({ code })
    expect(text).toBe('hello')
  })

  test('ends with the reason of its signal, while a body waits', async () => {
    const [client, peer] = await socketPair()
    peer.write(`${ok}Content-Length: 10\r\n\r\nhello`)
    const { signal, abort } = (c => ({ signal: c.signal, abort: () => c.abort() }))(
      new AbortController(),
    )
    const reading = async () => {
      for await (const { body } of readMessages(client, http1Response().decoder(), { signal })) {
        for await (const _ of body) setImmediate(abort)
      }
    }
    await expect(reading()).rejects.toMatchObject({ name: 'AbortError' })
    expect(client.destroyed).toBe(false)
  })
})
