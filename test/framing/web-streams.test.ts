import { describe, expect, test } from 'vitest'
import { http1Response } from '#lib/framing/http1.ts'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { lines } from '#lib/framing/lines.ts'
import { netstring } from '#lib/framing/netstring.ts'
import { frameStream } from '#lib/framing/web-streams.ts'
import { allCuts, bytes } from './support/cuts.ts'

function streamOf(chunks: Iterable<Uint8Array>): ReadableStream<Uint8Array> {
  const all = chunks[Symbol.iterator]()
  return new ReadableStream({
    pull(controller) {
      const { done, value } = all.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

/** The frames of a stream, and the error that ended it. */
async function read<Frame>(stream: ReadableStream<Frame>): Promise<[Frame[], unknown]> {
  const found: Frame[] = []
  const reader = stream.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      found.push(next.value)
    }
  } catch (error) {
    return [found, error]
  }
  return [found, null]
}

describe('frameStream', () => {
  test('cuts a stream into frames, however it comes', async () => {
    const wire = bytes('one\n\ncaf\u00e9\r\n')
    for (const [cut, chunks] of allCuts(wire)) {
      const frames = streamOf(chunks).pipeThrough(frameStream(lines()))
      expect([cut, await read(frames)]).toEqual([cut, [['one', '', 'café'], null]])
    }
  })

  test.each([
    ['1:a,1:b,x', 'ERR_FRAME_MALFORMED'],
    ['1:a,1:b,99999999:', 'ERR_FRAME_TOO_LARGE'],
    ['1:a,1:b,3:a', 'ERR_FRAME_TRUNCATED'],
  ])('gives the good frames of %j before the error', async (wire, code) => {
    for (const [cut, chunks] of allCuts(bytes(wire))) {
      const [frames, error] = await read(streamOf(chunks).pipeThrough(frameStream(netstring())))
      expect([cut, frames.map(String)]).toEqual([cut, ['a', 'b']])
      expect(error).toMatchObject({ name: 'FrameError', code })
    }
  })

  test('fails the writing side with the same error', async () => {
    const { readable, writable } = frameStream(netstring())
    const writing = streamOf([bytes('1:a,x'), bytes('y')]).pipeTo(writable)
    const failed = writing.then(
      () => null,
      (error: unknown) => error,
    )
    const [, error] = await read(readable)
    expect(error).toMatchObject({ code: 'ERR_FRAME_MALFORMED' })
    expect(await failed).toBe(error)
  })

  test('refuses text on both sides', async () => {
    const { readable, writable } = frameStream(lines())
    const writer = writable.getWriter()
    writer.closed.catch(() => {})
    const written = writer.write('text' as unknown as Uint8Array)
    await expect(written).rejects.toThrow(TypeError)
    expect((await read(readable))[1]).toBeInstanceOf(TypeError)
  })

  test('makes a frame only when it is asked for, and takes a chunk when the last is read', async () => {
    let made = 0
    let taken = 0
    const codec = {
      decoder: () => ({
        push: () => void taken++,
        read: () => (made < taken * 100 ? ++made : null),
        end() {},
      }),
    }
    const source = streamOf([bytes('a'), bytes('b'), bytes('c')])
    const reader = source.pipeThrough(frameStream(codec)).getReader()
    expect((await reader.read()).value).toBe(1)
    expect((await reader.read()).value).toBe(2)
    expect([made, taken]).toEqual([2, 1])
    for (let n = 3; n <= 101; n++) expect((await reader.read()).value).toBe(n)
    expect([made, taken]).toEqual([101, 2])
    await reader.cancel()
  })

  test('aborts the writing side when the frames are cancelled', async () => {
    let cancelled: unknown
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(bytes('1:a,'))
      },
      cancel(reason) {
        cancelled = reason
      },
    })
    const { readable, writable } = frameStream(netstring())
    const piping = source.pipeTo(writable).catch((error: unknown) => error)
    const reader = readable.getReader()
    await reader.read()
    await reader.cancel('enough')
    await piping
    expect(cancelled).toBe('enough')
  })

  test('fails the frames when the writing side is aborted', async () => {
    const { readable, writable } = frameStream(lengthPrefix())
    const reading = read(readable)
    await writable.abort(new Error('gone'))
    expect((await reading)[1]).toMatchObject({ message: 'gone' })
  })

  test('returns what only the end of the stream completes, with a decoder that was passed in', async () => {
    const codec = http1Response()
    const decoder = codec.decoder()
    decoder.expect('GET')
    const source = streamOf([bytes('HTTP/1.1 200 OK\r\n\r\nhel'), bytes('lo')])
    const [frames, error] = await read(source.pipeThrough(frameStream(codec, { decoder })))
    expect([frames.map(frame => String(bytes(frame.body))), error]).toEqual([['hello'], null])
  })
})
