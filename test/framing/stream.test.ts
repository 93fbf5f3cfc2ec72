import { once } from 'node:events'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { Duplex, PassThrough, Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { isDeepStrictEqual } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { byteStuffing } from '#lib/framing/byte-stuffing.ts'
import { delimiter } from '#lib/framing/delimiter.ts'
import { fixedLength } from '#lib/framing/fixed-length.ts'
import type { FrameCodec } from '#lib/framing/frame.ts'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { lines } from '#lib/framing/lines.ts'
import { netstring } from '#lib/framing/netstring.ts'
import { framed, frameTransform, readFrames } from '#lib/framing/stream.ts'
import { varintPrefix } from '#lib/framing/varint-prefix.ts'
import { bytes } from './support/cuts.ts'

const open: { destroy(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.destroy()
})

/** Two ends of one TCP connection on the loopback interface, both of which may be half-open. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const [[peer]] = await Promise.all([once(server, 'connection'), once(client, 'connect')])
  server.close()
  for (const socket of [client, peer as Socket]) {
    open.push(socket)
    socket.on('error', () => {})
  }
  return [client, peer as Socket]
}

async function collect<Frame>(frames: AsyncIterable<Frame>): Promise<Frame[]> {
  const all: Frame[] = []
  for await (const frame of frames) all.push(frame)
  return all
}

const big = Buffer.alloc(300_000, 'x')
const byteCodecs: [name: string, codec: FrameCodec, frames: Buffer[]][] = [
  ['fixedLength', fixedLength({ frameBytes: 4 }), [bytes('left'), bytes('righ')]],
  ['lengthPrefix', lengthPrefix(), [bytes('one'), bytes(''), big, bytes('two')]],
  ['varintPrefix', varintPrefix(), [bytes('one'), bytes(''), big, bytes('two')]],
  ['delimiter', delimiter({ delimiter: '\r\n' }), [bytes('one'), bytes(''), big, bytes('\r')]],
  ['byteStuffing', byteStuffing(), [bytes('one'), bytes([0xc0, 0xdb]), big]],
  ['netstring', netstring(), [bytes('one'), bytes(''), big, bytes('two')]],
]

describe.each(byteCodecs)('a real socket carries %s', (_, codec, frames) => {
  test('in one piece, and byte by byte', async () => {
    const [client, peer] = await socketPair()
    const received = collect(readFrames(peer, codec))
    for (const frame of frames) client.write(codec.encode(frame))
    const small = frames.filter(frame => frame.length < 1000)
    for (const frame of small) {
      for (const byte of codec.encode(frame)) client.write(Uint8Array.of(byte))
    }
    client.end()
    expect(isDeepStrictEqual(await received, [...frames, ...small])).toBe(true)
  })

  test('and says when it was closed inside a frame', async () => {
    const [client, peer] = await socketPair()
    const received: Uint8Array[] = []
    const reading = (async () => {
      for await (const frame of readFrames(peer, codec)) received.push(frame)
    })()
    const wire = codec.encode(frames[0]!)
    client.end(bytes(wire, wire.subarray(0, -1)))
    await expect(reading).rejects.toMatchObject({ code: 'ERR_FRAME_TRUNCATED' })
    expect(received).toEqual([frames[0]])
  })
})

test('a real socket carries lines, characters cut anywhere', async () => {
  const [client, peer] = await socketPair()
  const received = collect(readFrames(peer, lines()))
  for (const byte of bytes('caf\u00e9 ☃\r\n\n😀\n')) client.write(Uint8Array.of(byte))
  client.end()
  expect(await received).toEqual(['café ☃', '', '😀'])
})

test('readFrames leaves a half-open socket able to answer', async () => {
  const [client, peer] = await socketPair()
  client.end('one\ntwo\n')
  expect(await collect(readFrames(peer, lines()))).toEqual(['one', 'two'])
  expect(peer.destroyed).toBe(false)
  peer.end('thanks')
  expect(await text(client)).toBe('thanks')
})

test('readFrames leaves the socket open when the loop is left early', async () => {
  const [client, peer] = await socketPair()
  client.write('one\ntwo\n')
  for await (const line of readFrames(peer, lines())) {
    expect(line).toBe('one')
    break
  }
  expect(peer.destroyed).toBe(false)
  peer.end('enough')
  expect(await text(client)).toBe('enough')
})

test('readFrames gives the good frames before a bad one, and leaves the socket open', async () => {
  const [client, peer] = await socketPair()
  client.write('2:ok,x')
  const received: string[] = []
  const reading = (async () => {
    for await (const frame of readFrames(peer, netstring())) received.push(frame.toString())
  })()
  await expect(reading).rejects.toMatchObject({ code: 'ERR_FRAME_MALFORMED' })
  expect(received).toEqual(['ok'])
  peer.end('bad netstring')
  expect(await text(client)).toBe('bad netstring')
})

test('readFrames fails when the peer resets the connection', async () => {
  const [client, peer] = await socketPair()
  const reading = collect(readFrames(peer, lines()))
  client.resetAndDestroy()
  await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test('readFrames fails when the stream is destroyed', async () => {
  const stream = new PassThrough()
  const reading = collect(readFrames(stream, lines()))
  stream.destroy()
  await expect(reading).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
})

test('readFrames refuses a stream that gives text', async () => {
  const stream = new PassThrough({ encoding: 'utf8' })
  stream.end('one\n')
  await expect(collect(readFrames(stream, lines()))).rejects.toThrow(TypeError)
})

test('readFrames reads no further than its frames are taken', async () => {
  let made = 0
  const source = new Readable({
    highWaterMark: 1,
    read() {
      this.push(++made <= 100 ? Buffer.from('a\nb\n') : null)
    },
  })
  const frames = readFrames(source, lines())
  await frames.next()
  await frames.next()
  expect(made).toBeLessThan(5)
  await frames.return()
})

test('readFrames returns what a decoder holds back until the end', async () => {
  const untilEnd: FrameCodec<string> = {
    encode: () => Buffer.alloc(0),
    decoder() {
      const rest: string[] = []
      return { push() {}, read: () => rest.pop() ?? null, end: () => void rest.push('the rest') }
    },
  }
  expect(await collect(readFrames(Readable.from([]), untilEnd))).toEqual(['the rest'])
  const transform = Readable.from([]).pipe(frameTransform(untilEnd))
  expect(await collect(transform)).toEqual(['the rest'])
})

test('frameTransform turns bytes into frames in a pipeline, empty ones too', async () => {
  const chunks = [bytes('one\n\ntw'), bytes('o\n')]
  const found: string[] = []
  await pipeline(Readable.from(chunks), frameTransform(lines()), async frames => {
    for await (const frame of frames) found.push(frame as string)
  })
  expect(found).toEqual(['one', '', 'two'])
})

test.each([
  ['1:a,x', 'ERR_FRAME_MALFORMED'],
  ['1:a,3:a', 'ERR_FRAME_TRUNCATED'],
  ['1:a,99999999:', 'ERR_FRAME_TOO_LARGE'],
])('frameTransform fails the pipeline that carries %j', async (stream, code) => {
  const found: string[] = []
  const sink = new Writable({
    objectMode: true,
    write(frame, _, done) {
      found.push(String(frame))
      done()
    },
  })
  const broken = pipeline(Readable.from([bytes(stream)]), frameTransform(netstring()), sink)
  await expect(broken).rejects.toMatchObject({ name: 'FrameError', code })
})

test('frameTransform makes no more frames than are asked for', async () => {
  let made = 0
  const counting: FrameCodec<number> = {
    encode: () => Buffer.alloc(0),
    decoder: () => ({ push() {}, read: () => (made < 1000 ? ++made : null), end() {} }),
  }
  const transform = frameTransform(counting)
  transform.end(bytes('x'))
  await once(transform, 'readable')
  expect(made).toBeLessThanOrEqual(transform.readableHighWaterMark)
  expect(await collect(transform)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
})

test('frameTransform passes many frames of many chunks to a slow reader, in order', async () => {
  const all = Array.from({ length: 5000 }, (_, i) => `line ${i}`)
  const stream = bytes(all.map(line => `${line}\n`).join(''))
  const chunks = Array.from({ length: Math.ceil(stream.length / 700) }, (_, i) =>
    stream.subarray(i * 700, (i + 1) * 700),
  )
  const found: string[] = []
  const slow = new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(line, _, done) {
      found.push(line)
      setImmediate(done)
    },
  })
  await pipeline(Readable.from(chunks), frameTransform(lines()), slow)
  expect(found).toEqual(all)
})

test('framed talks both ways', async () => {
  const [client, peer] = await socketPair()
  const [here, there] = [framed(client, netstring()), framed(peer, netstring())]
  const echo = (async () => {
    for await (const frame of there.frames) await there.send(frame)
    await there.end()
  })()
  await here.send(bytes('one'))
  await here.send(bytes('two'))
  await here.end()
  expect(await collect(here.frames)).toEqual([bytes('one'), bytes('two')])
  await echo
})

/** A stream whose writes end when the test says so. */
function slowDuplex(): { duplex: Duplex; release(): void } {
  const held: (() => void)[] = []
  const duplex = new Duplex({
    writableHighWaterMark: 4,
    read() {},
    write(_chunk, _encoding, done) {
      held.push(done)
    },
  })
  open.push(duplex)
  return { duplex, release: () => held.shift()?.() }
}

/** What has become of a promise, once everything that is due now has happened. */
async function state(promise: Promise<unknown>): Promise<string> {
  let now = 'pending'
  promise.then(
    () => {
      now = 'resolved'
    },
    () => {
      now = 'rejected'
    },
  )
  await new Promise(resume => setImmediate(resume))
  return now
}

/** A stream that notes which frames come together, and takes all of them at once. */
function notingDuplex(): { duplex: Duplex; handedOver: string[][] } {
  const handedOver: string[][] = []
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      handedOver.push([chunk.toString()])
      done()
    },
    writev(chunks, done) {
      handedOver.push(chunks.map(({ chunk }) => (chunk as Buffer).toString()))
      done()
    },
  })
  open.push(duplex)
  return { duplex, handedOver }
}

test('framed hands over frames at once that are sent together, in order with direct writes', async () => {
  const { duplex, handedOver } = notingDuplex()
  const peer = framed(duplex, lines())
  const sending = [peer.send('one'), peer.send('two')]
  duplex.write('by hand\n')
  sending.push(peer.send('three'))
  expect(handedOver).toEqual([])
  await Promise.all(sending)
  expect(handedOver).toEqual([['one\n', 'two\n', 'by hand\n', 'three\n']])
  await peer.send('four')
  await peer.end()
  expect(handedOver[1]).toEqual(['four\n'])
})

test('framed has handed over a frame when its send() resolves, in whatever turn', async () => {
  const { duplex, handedOver } = notingDuplex()
  const peer = framed(duplex, lines())
  for (const line of ['one', 'two', 'three']) {
    await peer.send(line)
    expect(handedOver.at(-1)).toEqual([`${line}\n`])
  }
  const inThen: (string[] | undefined)[] = []
  await peer.send('four').then(() => inThen.push(handedOver.at(-1)))
  process.nextTick(() => void peer.send('five').then(() => inThen.push(handedOver.at(-1))))
  await new Promise(resolve => setImmediate(resolve))
  expect(inThen).toEqual([['four\n'], ['five\n']])
})

test.each(['destroy', 'destroySoon'] as const)(
  'framed loses nothing that was awaited to %s()',
  async way => {
    const [client, peer] = await socketPair()
    const here = framed(client, lines())
    const received = text(peer)
    for (const line of ['one', 'two']) await here.send(line)
    await Promise.all([here.send('three'), here.send('four')])
    client[way]()
    expect(await received).toBe('one\ntwo\nthree\nfour\n')
  },
)

test('framed writes the frames of sendAll() at once, and of each codec the same as send()', async () => {
  const some: [FrameCodec<unknown>, unknown[]][] = [
    ...byteCodecs.map(([, codec, frames]): [FrameCodec<unknown>, unknown[]] => [codec, frames]),
    // What is escaped takes more room than was guessed, and frames take more than a slab has.
    [byteStuffing(), Array.from({ length: 5 }, () => Buffer.alloc(3000, 0xc0))],
    [lengthPrefix(), Array.from({ length: 200 }, (_, i) => Buffer.alloc(i * 50, i))],
    [lines(), ['one', '', 'two']],
    // Characters of three bytes: more room than was guessed.
    [lines(), Array.from({ length: 99 }, (_, i) => '漢字'.repeat(i))],
    [netstring(), []],
    [netstring(), [bytes('alone')]],
  ]
  for (const [codec, frames] of some) {
    const handedOver: Buffer[][] = []
    const duplex = new Duplex({
      read() {},
      write: (chunk: Buffer, _, done) => done(void handedOver.push([chunk])),
      writev: (chunks, done) => done(void handedOver.push(chunks.map(({ chunk }) => chunk))),
      writableHighWaterMark: 2 ** 24,
    })
    open.push(duplex)
    const wanted = frames.map(frame => codec.encode(frame))
    await framed(duplex, codec).sendAll(new Set(frames))
    const sent = handedOver.flat()
    expect(Buffer.concat(sent).equals(Buffer.concat(wanted))).toBe(true)
    expect(handedOver.length).toBeLessThanOrEqual(1)
    await framed(duplex, codec).sendAll(frames)
    expect(Buffer.concat(sent).equals(Buffer.concat(wanted))).toBe(true)
  }
})

test.each<[string, (kept: Uint8Array[]) => Promise<Duplex>]>([
  [
    'a Duplex',
    async kept => new Duplex({ read() {}, write: (chunk, _, done) => done(void kept.push(chunk)) }),
  ],
  [
    'a subclass of Socket',
    async kept => {
      class Keeping extends Socket {
        override _write(chunk: Uint8Array, _: BufferEncoding, done: () => void): void {
          kept.push(chunk)
          done()
        }
      }
      return new Keeping()
    },
  ],
  [
    'a write() of its own',
    async kept => {
      const [, peer] = await socketPair()
      const write = peer.write.bind(peer)
      const keeping = (chunk: Buffer) => write(chunk, void kept.push(chunk))
      return Object.assign(peer, { write: keeping })
    },
  ],
])('framed leaves alone what it wrote to %s, which keeps it', async (_, make) => {
  const kept: Uint8Array[] = []
  const duplex = await make(kept)
  open.push(duplex)
  const peer = framed(duplex, netstring())
  for (const word of ['one', 'two', 'six']) await peer.sendAll([bytes(word), bytes(word)])
  expect(kept.map(String)).toEqual(['3:one,3:one,', '3:two,3:two,', '3:six,3:six,'])
})

test('framed leaves alone what the kernel had no room for, whoever else sends', async () => {
  const [slow, peer] = await socketPair()
  const [other, fast] = await socketPair()
  const codec = lengthPrefix()
  const [there, elsewhere] = [framed(peer, codec), framed(fast, codec)]
  const sent: Buffer[] = []
  const sending: Promise<void>[] = []
  const fill = (size: number): void => {
    sent.push(Buffer.alloc(size, sent.length))
    sending.push(there.sendAll(sent.slice(-1)))
  }
  while (peer.writableLength === 0) fill(60_000)
  for (const size of [10, 1000, 60_000, 100]) {
    fill(size)
    const noise = Buffer.alloc(size, 0xff)
    sending.push(elsewhere.sendAll([noise, noise]))
  }
  sending.push(there.end(), elsewhere.end())
  expect(await collect(readFrames(other, codec))).toHaveLength(8)
  const received = await collect(readFrames(slow, codec))
  expect(received.length).toBe(sent.length)
  for (const [i, frame] of received.entries()) expect(sent[i]!.equals(frame)).toBe(true)
  await Promise.all(sending)
})

test('framed sends nothing of a sendAll() of which the codec refuses a frame', async () => {
  const { duplex, handedOver } = notingDuplex()
  const peer = framed(duplex, netstring({ maxFrameBytes: 3 }))
  await expect(peer.sendAll([bytes('one'), bytes('four')])).rejects.toThrow(RangeError)
  await peer.sendAll([bytes('two')])
  expect(handedOver).toEqual([['3:two,']])
})

test('framed keeps send() and sendAll() in order, and waits for drain behind both', async () => {
  const { duplex, release } = slowDuplex()
  const peer = framed(duplex, lines())
  const sending = [peer.send('too much for the buffer'), peer.sendAll(['a', 'b']), peer.send('c')]
  expect(await Promise.all(sending.map(state))).toEqual(Array(3).fill('pending'))
  for (let writes = 0; writes < 4; writes++) release()
  await Promise.all(sending)
  const dying = peer.sendAll(['too much for', 'the buffer'])
  duplex.destroy(new Error('cable cut'))
  await expect(dying).rejects.toThrow('cable cut')
  await expect(peer.sendAll(['x'])).rejects.toThrow('cable cut')
  expect(duplex.eventNames().sort()).toEqual(['error'])
})

test('framed echoes batches over a real socket, in order, and ends with the peer', async () => {
  const [client, peer] = await socketPair()
  const there = framed(peer, lengthPrefix())
  const sizes: number[] = []
  const echo = (async () => {
    for await (const frames of there.frames.batches()) {
      sizes.push(frames.length)
      await there.sendAll(frames)
    }
    await there.end()
  })()
  const here = framed(client, lengthPrefix())
  const sent = Array.from({ length: 3000 }, (_, i) => bytes(`frame ${i}`))
  const received = collect(here.frames)
  await here.sendAll(sent)
  await here.end()
  expect(await received).toEqual(sent)
  await echo
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3000)
  expect(Math.max(...sizes)).toBeGreaterThan(1)
})

test('framed waits for drain before send() resolves', async () => {
  const { duplex, release } = slowDuplex()
  const peer = framed(duplex, lines())
  const small = peer.send('a')
  const large = [peer.send('too much for the buffer'), peer.send('more')]
  expect(await state(small)).toBe('resolved')
  expect(await Promise.all(large.map(state))).toEqual(['pending', 'pending'])
  release()
  release()
  expect(await Promise.all(large.map(state))).toEqual(['pending', 'pending'])
  release()
  await Promise.all(large)
})

test('framed resolves send() when end() was called while it waited', async () => {
  const { duplex, release } = slowDuplex()
  const peer = framed(duplex, lines())
  const sending = peer.send('too much for the buffer')
  const ending = peer.end()
  expect(await state(sending)).toBe('pending')
  release()
  await Promise.all([sending, ending])
  expect(peer.end()).toBe(ending)
  await expect(peer.send('x')).rejects.toMatchObject({ code: 'ERR_STREAM_WRITE_AFTER_END' })
})

test('framed rejects every send() that waits when the socket dies', async () => {
  const { duplex } = slowDuplex()
  const peer = framed(duplex, lines())
  const sending = [peer.send('too much for the buffer'), peer.send('more')]
  const error = new Error('cable cut')
  duplex.destroy(error)
  for (const each of sending) await expect(each).rejects.toBe(error)
  await expect(peer.send('x')).rejects.toBe(error)
  await expect(peer.end()).rejects.toBe(error)
})

test('framed rejects a send() that waits when the socket is destroyed without an error', async () => {
  const { duplex } = slowDuplex()
  const peer = framed(duplex, lines())
  const sending = peer.send('too much for the buffer')
  duplex.destroy()
  await expect(peer.send('x')).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
  await expect(sending).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
  await expect(peer.end()).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
})

test('framed rejects an end() that waits when the socket is destroyed without an error', async () => {
  const { duplex } = slowDuplex()
  const peer = framed(duplex, lines())
  const sending = peer.send('too much for the buffer')
  const ending = peer.end()
  duplex.destroy()
  for (const each of [sending, ending]) {
    await expect(each).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
  }
})

test('framed has nothing to do in end() when the socket has sent its FIN already', async () => {
  const [client] = await socketPair()
  client.end()
  await once(client, 'finish')
  await framed(client, lines()).end()
})

test('framed survives a peer that resets the connection while send() waits', async () => {
  const [client, peer] = await socketPair()
  client.removeAllListeners('error')
  const here = framed(client, lengthPrefix({ maxFrameBytes: 2 ** 26 }))
  const sending = here.send(Buffer.alloc(2 ** 26))
  peer.resetAndDestroy()
  await expect(sending).rejects.toHaveProperty('code')
})

test('framed sends nothing of a frame that the codec refuses, and lives on', async () => {
  const [client, peer] = await socketPair()
  const here = framed(client, lines({ maxLineBytes: 3 }))
  await expect(here.send('four')).rejects.toThrow(RangeError)
  await here.send('one')
  await here.end()
  expect(await collect(readFrames(peer, lines()))).toEqual(['one'])
})
