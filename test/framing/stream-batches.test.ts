/** `forEachBatch()`: a loop over frames that is called instead of awaited. */
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { lines } from '#lib/framing/lines.ts'
import { netstring } from '#lib/framing/netstring.ts'
import { framed, readFrames } from '#lib/framing/stream.ts'
import { bytes } from './support/cuts.ts'
import { collect, socketPair } from './support/sockets.ts'

/** A promise that is settled from outside. */
function gate() {
  let open = (): void => {}
  let fail = (_: unknown): void => {}
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}

const SECOND_LOOP = expect.objectContaining({ code: 'ERR_INVALID_STATE' })

describe('forEachBatch()', () => {
  test('hands over what has arrived at once, and resolves at the end', async () => {
    const stream = new PassThrough()
    stream.write('a\nb\nc')
    const taken: string[][] = []
    const loop = readFrames(stream, lines()).forEachBatch(frames => {
      taken.push(frames)
    })
    expect(taken).toEqual([['a', 'b']])
    stream.write('\n')
    stream.end('d\n')
    await loop
    expect(taken.flat()).toEqual(['a', 'b', 'c', 'd'])
    expect(stream.listenerCount('data')).toBe(0)
  })

  test.each([
    ['malformed', '1:a,1:b,x', 'ERR_FRAME_MALFORMED'],
    ['cut off', '1:a,1:b,9:c', 'ERR_FRAME_TRUNCATED'],
  ])('hands over the good frames before one that is %s, then rejects', async (_, wire, code) => {
    const taken: string[] = []
    const loop = readFrames(Readable.from([bytes(wire)]), netstring()).forEachBatch(frames => {
      taken.push(...frames.map(String))
    })
    await expect(loop).rejects.toMatchObject({ code })
    expect(taken).toEqual(['a', 'b'])
  })

  test('rejects with what the socket failed with', async () => {
    const [client, peer] = await socketPair()
    const loop = readFrames(peer, lines()).forEachBatch(() => {})
    client.resetAndDestroy()
    await expect(loop).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  test('reads no more until what it was given is done with', async () => {
    let made = 0
    const source = new Readable({
      highWaterMark: 1,
      read() {
        this.push(++made <= 3 ? Buffer.from(`${made}\n`) : null)
      },
    })
    const gates = [gate(), gate(), gate()]
    const taken: string[][] = []
    const calls = [gate(), gate(), gate()]
    const loop = readFrames(source, lines()).forEachBatch(frames => {
      const turn = taken.push(frames) - 1
      calls[turn]!.open()
      return gates[turn]!.promise
    })
    for (const turn of [0, 1, 2]) {
      await calls[turn]!.promise
      await new Promise(resume => setImmediate(resume)) // all that could be read would have been
      expect(taken).toHaveLength(turn + 1)
      expect(made).toBeLessThanOrEqual(turn + 3) // one in hand, one in each buffer
      gates[turn]!.open()
    }
    await loop
    expect(taken).toEqual([['1'], ['2'], ['3']])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('not so')
      },
    ],
    ['rejects with', () => Promise.reject(new Error('not so'))],
  ])('rejects with what its function %s, and loses no byte', async (_, take) => {
    const stream = new PassThrough()
    stream.write('a\nb\nc')
    const codec = lines()
    await expect(readFrames(stream, codec).forEachBatch(take)).rejects.toThrow('not so')
    expect(stream.destroyed).toBe(false)
    stream.end('d\ne\n')
    expect(await collect(readFrames(stream, codec))).toEqual(['cd', 'e'])
  })

  test('ends with return(), inside its function and while it waits', async () => {
    const stream = new PassThrough()
    stream.write('a\nb')
    const codec = lines()
    const inside = readFrames(stream, codec)
    const taken: string[] = []
    await inside.forEachBatch(frames => {
      taken.push(...frames)
      void inside.return()
    })
    expect(taken).toEqual(['a'])
    const waiting = readFrames(stream, codec)
    const loop = waiting.forEachBatch(() => {})
    await waiting.return()
    await loop
    stream.end()
    await expect(text(stream)).resolves.toBe('')
  })

  test('fails with what its function throws after return()', async () => {
    const frames = readFrames(Readable.from([bytes('a\n')]), lines())
    const loop = frames.forEachBatch(() => {
      void frames.return()
      throw new Error('not so')
    })
    await expect(loop).rejects.toThrow('not so')
  })

  test('is the one loop over its frames', async () => {
    const stream = new PassThrough()
    const frames = readFrames(stream, lines())
    const loop = frames.forEachBatch(() => {})
    expect(() => frames.batches()).toThrow(SECOND_LOOP)
    expect(() => frames[Symbol.asyncIterator]()).toThrow(SECOND_LOOP)
    expect(() => frames.forEachBatch(() => {})).toThrow(SECOND_LOOP)
    await expect(frames.next()).rejects.toEqual(SECOND_LOOP)
    stream.end()
    await loop
    expect(await frames.next()).toEqual({ done: true, value: undefined })
    const other = readFrames(new PassThrough(), lines())
    other.batches()
    expect(() => other.forEachBatch(() => {})).toThrow(SECOND_LOOP)
  })

  test('ends with the reason of its signal, waiting or busy, and leaves the stream open', async () => {
    for (const busy of [false, true]) {
      const stream = new PassThrough()
      const aborting = new AbortController()
      const held = gate()
      const taken = gate()
      const frames = readFrames(stream, lines(), { signal: aborting.signal })
      const loop = frames.forEachBatch(() => {
        taken.open()
        return busy ? held.promise : undefined
      })
      stream.write('a\n')
      await taken.promise
      aborting.abort(new Error('enough'))
      held.open()
      await expect(loop).rejects.toThrow('enough')
      expect(stream.destroyed).toBe(false)
    }
    const late = readFrames(new PassThrough(), lines(), { signal: AbortSignal.abort('late') })
    await expect(late.forEachBatch(() => {})).rejects.toBe('late')
  })

  test('echoes over a real socket, as fast as the peer reads', async () => {
    const [client, peer] = await socketPair()
    const codec = lengthPrefix()
    const there = framed(peer, codec)
    let most = 0
    const echo = there.frames
      .forEachBatch(frames => {
        most = Math.max(most, peer.writableLength)
        return there.sendAll(frames)
      })
      .then(() => there.end())
    // More than both ends can hold, and the client reads nothing before the kernel is full.
    const frame = Buffer.alloc(256 * 1024, 'x')
    const count = 128
    const wire = codec.encode(frame)
    let sent = 0
    while (sent < count && client.write(wire)) sent++
    for (sent++; sent < count; sent++) client.write(wire)
    client.end()
    let received = 0
    for await (const back of readFrames(client, codec)) {
      expect(frame.equals(back)).toBe(true)
      received++
    }
    await echo
    expect(received).toBe(count)
    // One batch at most waits to be written: what one chunk completes.
    expect(most).toBeLessThanOrEqual(2 * wire.length)
  })
})

test('the methods of framed() may be taken off it, and stay the same', async () => {
  const [client, peer] = await socketPair()
  const socket = framed(client, lines())
  const { send, sendAll, end } = socket
  expect([socket.send, socket.sendAll]).toEqual([send, sendAll])
  await send('one')
  await sendAll(['two', 'three'])
  await end()
  expect(await collect(readFrames(peer, lines()))).toEqual(['one', 'two', 'three'])
})
