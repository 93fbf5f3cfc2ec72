/** What a loop over frames does when it is left, begun twice, aborted, or begun too late. */
import { once } from 'node:events'
import { Duplex, PassThrough, Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { byteStuffing } from '#lib/framing/byte-stuffing.ts'
import { delimiter } from '#lib/framing/delimiter.ts'
import { fixedLength } from '#lib/framing/fixed-length.ts'
import type { FrameCodec } from '#lib/framing/frame.ts'
import {
  type Http1Request,
  type Http1ResponseInit,
  http1Request,
  http1Response,
} from '#lib/framing/http1.ts'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { lines } from '#lib/framing/lines.ts'
import { netstring } from '#lib/framing/netstring.ts'
import { type Framed, framed, frameTransform, readFrames } from '#lib/framing/stream.ts'
import { varintPrefix } from '#lib/framing/varint-prefix.ts'
import { bytes } from './support/cuts.ts'
import { collect, socketPair } from './support/sockets.ts'

const codecs: [name: string, codec: FrameCodec<unknown>, frames: unknown[]][] = [
  ['fixedLength', fixedLength({ frameBytes: 4 }), ['left', 'mid.', 'righ'].map(f => bytes(f))],
  ['lengthPrefix', lengthPrefix(), ['one', '', 'three'].map(f => bytes(f))],
  ['varintPrefix', varintPrefix(), ['one', '', 'three'].map(f => bytes(f))],
  ['delimiter', delimiter({ delimiter: '\r\n' }), ['one', '', '\r'].map(f => bytes(f))],
  ['lines', lines(), ['one', '', 'caf\u00e9']],
  ['byteStuffing', byteStuffing(), ['one', '\x00', 'three'].map(f => bytes(f))],
  ['netstring', netstring(), ['one', '', 'three'].map(f => bytes(f))],
]

describe.each(codecs)('%s, read with loops that are left early,', (_, codec, frames) => {
  const wire = bytes(...frames.map(frame => codec.encode(frame)))

  test('loses no frame to the loop before, wherever the stream is cut', async () => {
    for (let cut = 0; cut <= wire.length; cut++) {
      const parts = [wire.subarray(0, cut), wire.subarray(cut)].filter(part => part.length > 0)
      const stream = Readable.from(parts)
      const found: unknown[] = []
      for (let loops = 0; loops <= frames.length; loops++) {
        for await (const frame of readFrames(stream, codec)) {
          found.push(frame)
          break
        }
      }
      expect(found).toEqual(frames)
    }
  })

  test('gives the bytes after the last frame to whoever reads the stream next', async () => {
    const [client, peer] = await socketPair()
    client.write(bytes(codec.encode(frames[0]), 'PLAIN'))
    for await (const frame of readFrames(peer, codec)) {
      expect(frame).toEqual(frames[0])
      break
    }
    client.end(' TEXT')
    expect(await text(peer)).toBe('PLAIN TEXT')
  })

  test('gives them from the rest() of a decoder that was passed in', async () => {
    const stream = Readable.from([bytes(wire, codec.encode(frames[1]).subarray(0, 1))])
    const decoder = codec.decoder()
    for await (const _ of readFrames(stream, codec, { decoder })) break
    expect(bytes(decoder.rest!())).toEqual(
      bytes(...frames.slice(1).map(f => codec.encode(f)), codec.encode(frames[1]).subarray(0, 1)),
    )
    expect(decoder.rest!().length).toBe(0)
  })

  test('reads on with the same codec after an end inside a frame', async () => {
    const stream = new PassThrough()
    const [first, second] = [codec.encode(frames[0]), codec.encode(frames[2])]
    stream.write(bytes(first, second.subarray(0, 2)))
    const left = readFrames(stream, codec)
    await left.next()
    const waiting = left.next()
    expect(await left.return()).toEqual({ done: true, value: undefined })
    expect(await waiting).toEqual({ done: true, value: undefined })
    stream.end(second.subarray(2))
    expect(await collect(readFrames(stream, codec))).toEqual([frames[2]])
  })
})

test('lines gives back the lines of a block that are not read, whatever bytes they hold', async () => {
  const stream = Readable.from([bytes('1\n', [0xff, 0xc3], '\n', [0xe2, 0x0a], 'x\r\nrest')])
  const decoder = lines().decoder()
  const frames = readFrames(stream, lines(), { decoder })
  await frames.next()
  await frames.next()
  await frames.return()
  expect(bytes(decoder.rest!())).toEqual(bytes([0xe2, 0x0a], 'x\r\nrest'))
})

test('rest() inside a frame is the caller’s mistake, and loses nothing', () => {
  for (const [, codec, frames] of codecs) {
    const decoder = codec.decoder()
    const wire = codec.encode(frames[2])
    decoder.push(wire.subarray(0, 2))
    expect(decoder.read()).toBeNull()
    expect(() => decoder.rest!()).toThrow(RangeError)
    decoder.push(wire.subarray(2))
    expect(decoder.read()).toEqual(frames[2])
  }
})

test('readFrames says that another codec cannot read on inside a frame', async () => {
  const stream = new PassThrough()
  stream.write('5:he')
  const left = readFrames(stream, netstring())
  const waiting = left.next()
  await left.return()
  await waiting
  await expect(readFrames(stream, lines()).next()).rejects.toMatchObject({
    code: 'ERR_INVALID_STATE',
    message: expect.stringContaining('pass the same codec again'),
  })
})

test('readFrames reads the frames that a decoder holds already, then the stream', async () => {
  const decoder = netstring().decoder()
  decoder.push(bytes('1:a,1:'))
  const frames = readFrames(Readable.from([bytes('b,')]), netstring(), { decoder })
  expect(await collect(frames)).toEqual([bytes('a'), bytes('b')])
})

test('a second loop over frames throws, after a break and after the end', async () => {
  for (const leave of [true, false]) {
    const { frames } = framed(Duplex.from([bytes('1:a,1:b,')]), netstring())
    for await (const _ of frames) if (leave) break
    await expect(collect(frames)).rejects.toMatchObject({
      code: 'ERR_INVALID_STATE',
      message: expect.stringContaining('readFrames() again'),
    })
  }
})

test('return() ends a loop that waits for a peer which says nothing', async () => {
  const [client, peer] = await socketPair()
  const { frames } = framed(peer, lines())
  const waiting = [frames.next(), frames.next()]
  await frames.return()
  expect(await Promise.all(waiting)).toEqual(Array(2).fill({ done: true, value: undefined }))
  client.end('late\n')
  expect(await text(peer)).toBe('late\n')
})

test('next() answers calls in their order, also those that wait', async () => {
  const stream = new PassThrough()
  const frames = readFrames(stream, lines())
  const calls = [frames.next(), frames.next(), frames.next(), frames.next()]
  stream.write('a\nb')
  stream.end('\nc\n')
  const results = await Promise.all(calls)
  expect(results.map(({ value }) => value)).toEqual(['a', 'b', 'c', undefined])
})

describe('batches()', () => {
  test('gives all frames that have come, and none twice', async () => {
    const stream = new PassThrough()
    const batches = readFrames(stream, lines()).batches()
    stream.write('a\nb\nc')
    expect((await batches.next()).value).toEqual(['a', 'b'])
    const waiting = batches.next()
    stream.write('\nd\n')
    expect((await waiting).value).toEqual(['c', 'd'])
    stream.end()
    expect(await batches.next()).toEqual({ done: true, value: undefined })
  })

  test('gives the good frames before the error behind them', async () => {
    const batches = readFrames(Readable.from([bytes('1:a,1:b,x')]), netstring()).batches()
    expect((await batches.next()).value).toEqual([bytes('a'), bytes('b')])
    await expect(batches.next()).rejects.toMatchObject({ code: 'ERR_FRAME_MALFORMED' })
    expect(await batches.next()).toEqual({ done: true, value: undefined })
  })

  test('leaves what comes after a break to the next reader', async () => {
    const [client, peer] = await socketPair()
    client.write('1:a,1:b,')
    for await (const frames of readFrames(peer, netstring()).batches()) {
      if (frames.at(-1)?.toString() === 'b') break
    }
    client.end('PLAIN TEXT')
    expect(await text(peer)).toBe('PLAIN TEXT')
  })

  test('is the one loop over the frames', () => {
    const frames = readFrames(new PassThrough(), lines())
    frames.batches()
    expect(() => frames.batches()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
    expect(() => frames[Symbol.asyncIterator]()).toThrow('a second loop over these frames')
  })
})

test('whoever listens for data after a break gets it, without a call of resume()', async () => {
  for (const turns of [0, 1]) {
    const [client, peer] = await socketPair()
    client.write('one\n')
    for await (const _ of readFrames(peer, lines())) break
    for (let turn = 0; turn < turns; turn++) await new Promise(resume => setImmediate(resume))
    const read: string[] = []
    const ended = once(peer, 'end')
    peer.on('data', chunk => read.push(String(chunk)))
    client.end('two')
    await ended
    expect(read.join('')).toBe('two')
  }
})

test('a socket is stopped while no call waits for its bytes, and read on by the next one', async () => {
  const [client, peer] = await socketPair()
  client.write('one\n')
  const frames = readFrames(peer, lines({ maxLineBytes: 2 ** 24 }))
  expect((await frames.next()).value).toBe('one')
  const stopped = once(peer, 'pause')
  const large = Buffer.alloc(2 ** 23, 'x')
  client.end(bytes(large, '\n'))
  await stopped
  expect(client.writableLength).toBeGreaterThan(2 ** 20)
  expect((await frames.next()).value).toHaveLength(2 ** 23)
  expect((await frames.next()).done).toBe(true)
})

describe('readFrames with a signal', () => {
  test('rejects the call that waits with the reason, and leaves the stream to others', async () => {
    const [client, peer] = await socketPair()
    const abort = new AbortController()
    client.write('one\ntwo\n')
    const frames = readFrames(peer, lines(), { signal: abort.signal })
    expect((await frames.next()).value).toBe('one')
    expect((await frames.next()).value).toBe('two')
    const waiting = frames.next()
    abort.abort(new Error('too late'))
    await expect(waiting).rejects.toThrow('too late')
    expect(peer.destroyed).toBe(false)
    client.end('three\n')
    expect(await collect(readFrames(peer, lines()))).toEqual(['three'])
  })

  test('gives back what was not read when the signal came, and rejects the next call', async () => {
    const abort = new AbortController()
    const stream = Readable.from([bytes('one\ntwo\n')])
    const frames = readFrames(stream, lines(), { signal: abort.signal })
    await frames.next()
    abort.abort()
    await expect(frames.next()).rejects.toMatchObject({ name: 'AbortError' })
    expect(await frames.next()).toEqual({ done: true, value: undefined })
    expect(await collect(readFrames(stream, lines()))).toEqual(['two'])
  })

  test('rejects at once when it was aborted before', async () => {
    const signal = AbortSignal.abort()
    const frames = readFrames(Readable.from([bytes('one\n')]), lines(), { signal })
    await expect(frames.next()).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('keeps no listener on stream and signal when it has ended, in any way', async () => {
    for (const way of ['end', 'break', 'abort', 'error']) {
      const stream = new PassThrough()
      const before = stream.eventNames().length
      const abort = new AbortController()
      let listening = 0
      const { signal } = abort
      const add = signal.addEventListener.bind(signal)
      signal.addEventListener = (...words: Parameters<typeof add>) => {
        listening++
        add(...words)
      }
      const remove = signal.removeEventListener.bind(signal)
      signal.removeEventListener = (...words: Parameters<typeof remove>) => {
        listening--
        remove(...words)
      }
      const frames = readFrames(stream, netstring(), { signal })
      stream.write(way === 'error' ? '1:a,x' : '1:a,')
      await frames.next()
      if (way === 'end') stream.end()
      if (way === 'abort') abort.abort()
      if (way === 'break') await frames.return()
      await frames.next().catch(() => {})
      expect([way, listening, stream.eventNames().length]).toEqual([way, 0, before])
    }
  })
})

test('readFrames and framed give the error of a socket that had failed before', async () => {
  const [, peer] = await socketPair()
  const cut = new Error('cable cut')
  const closed = new Promise(resolve => peer.once('close', resolve))
  peer.destroy(cut)
  await closed
  await expect(readFrames(peer, lines()).next()).rejects.toBe(cut)
  const late = framed(peer, lines())
  await expect(late.frames.next()).rejects.toBe(cut)
  await expect(late.send('x')).rejects.toBe(cut)
  await expect(late.end()).rejects.toBe(cut)
})

test('readFrames says so when the socket was destroyed before, without an error', async () => {
  const [, peer] = await socketPair()
  peer.destroy()
  await once(peer, 'close')
  await expect(readFrames(peer, lines()).next()).rejects.toMatchObject({
    code: 'ERR_STREAM_PREMATURE_CLOSE',
  })
})

test('framed causes no unhandled rejection when end() and send() are not awaited', async () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  try {
    const [client, peer] = await socketPair()
    const here = framed(client, lengthPrefix({ maxFrameBytes: 2 ** 26 }))
    void here.send(Buffer.alloc(2 ** 26))
    void here.end()
    const gone = new Promise(resolve => client.once('close', resolve))
    peer.resetAndDestroy()
    await gone
    void here.send(bytes('x'))
    void framed(client, lines()).end()
    // Node decides on unhandled rejections when the microtasks of a turn are done.
    await new Promise(resume => setImmediate(resume))
    expect(unhandled).toEqual([])
  } finally {
    process.off('unhandledRejection', note)
  }
})

describe('frameTransform gives the good frames before the bad one', () => {
  const good = Array.from({ length: 30 }, (_, i) => `${i}`)
  const stream = bytes(...good.map(word => netstring().encode(bytes(word))), 'x')

  test.each([1, 7, stream.length])('to a loop, from chunks of %i bytes', async size => {
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
      stream.subarray(i * size, (i + 1) * size),
    )
    const found: string[] = []
    const run = pipeline(Readable.from(chunks), frameTransform(netstring()), async frames => {
      for await (const frame of frames) {
        found.push(String(frame))
        await new Promise(resume => setImmediate(resume))
      }
    })
    await expect(run).rejects.toMatchObject({ code: 'ERR_FRAME_MALFORMED' })
    expect(found).toEqual(good)
  })

  test('to a Writable that takes them one by one', async () => {
    const found: string[] = []
    const sink = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(frame, _, done) {
        found.push(String(frame))
        setImmediate(done)
      },
    })
    const run = pipeline(Readable.from([stream]), frameTransform(netstring()), sink)
    await expect(run).rejects.toMatchObject({ code: 'ERR_FRAME_MALFORMED' })
    expect(found).toEqual(good)
  })

  test('to a reader of readable events', async () => {
    const transform = frameTransform(netstring())
    transform.end(stream)
    const found: string[] = []
    transform.on('readable', () => {
      for (let frame = transform.read(); frame !== null; frame = transform.read()) {
        found.push(String(frame))
      }
    })
    const [error] = await once(transform, 'error')
    expect(error).toMatchObject({ code: 'ERR_FRAME_MALFORMED' })
    expect(found).toEqual(good)
  })
})

test('types follow the decoder: what is received and what is sent may differ', () => {
  const stream = new PassThrough()
  const requests = readFrames(stream, http1Request())
  expectTypeOf(requests.next).returns.resolves.toEqualTypeOf<
    IteratorResult<Http1Request, undefined>
  >()
  const server = framed(stream, { receive: http1Request(), send: http1Response() })
  expectTypeOf(server).toEqualTypeOf<Framed<Http1Request, Http1ResponseInit>>()
  expectTypeOf(framed(stream, lines())).toEqualTypeOf<Framed<string, string>>()
  // A client of one codec receives what the decoder makes, and sends what encode() takes.
  const both = framed(stream, http1Request())
  expectTypeOf(both.frames).toEqualTypeOf(requests)
  expectTypeOf(both.send).parameter(0).toHaveProperty('target')
  // @ts-expect-error: a request is not what this server sends
  const wrong = () => server.send({ method: 'GET', target: '/' })
  expect(wrong).toBeTypeOf('function')
})
