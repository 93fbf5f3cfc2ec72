/**
 * Nagle: eleven small writes to a busy reader, then the write-write-read stall and its cures.
 *
 *   npm run 04:nagle:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitTooEarly,
  exitUnknown,
  exitWhenSilent,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'
import { segmentsSent } from './segments.ts'

const serverCommand = 'npm run 04:nagle:server'
const options = readOptions({
  command: 'npm run 04:nagle:client',
  does: 'Shows what Nagle’s algorithm changes, and what it does not.',
  flags: {
    host,
    port: { ...port(7046), min: 1 },
    rounds: { default: 11, min: 0, max: 1000, help: 'requests per way of writing; 0: none' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
const codec = lengthPrefix({ prefixBytes: 1 })
type Answers = AsyncIterator<Uint8Array, undefined>

// #region eleven-writes
/** A head and ten rows, each in its own write, to a server that is busy. */
async function elevenWrites(noDelay: boolean): Promise<void> {
  const socket = await open()
  socket.setNoDelay(noDelay)
  const answers = framed(socket, codec).frames[Symbol.asyncIterator]()

  // Five questions and answers in turns: after that, the server's kernel delays its ACKs.
  for (const question of ['1', '2', '3', '4']) await ask(socket, answers, question)
  const sentBefore = segmentsSent(socket)
  await ask(socket, answers, 'busy')

  // The server's program stands still. Its kernel goes on.
  socket.write(codec.encode(Buffer.from('head')))
  for (let n = 0; n < 10; n++) socket.write(codec.encode(Buffer.from(`row ${n}`)))
  const events = new Set<string>()
  for (let n = 0; n < 11; n++) events.add(await answer(answers))

  const segments = segmentsSent(socket) - sentBefore - 1 // without that of the fifth question
  const sent = Number.isNaN(segments) ? 'segments: only ss on Linux knows' : `${segments} segments`
  const read = plural(events.size, 'data event')
  console.log(`noDelay ${noDelay}: 11 writes, ${sent}, ${read}`)
  socket.destroy()
}
// #endregion eleven-writes

// #region stall
/** Asks and waits for the answer, again and again; the median of the times, in milliseconds. */
async function median(write: (socket: Socket, frame: Buffer) => Promise<void>): Promise<number> {
  const socket = await open()
  const { frames } = framed(socket, codec)
  const answers = frames[Symbol.asyncIterator]()
  const times: number[] = []
  for (let round = 0; round < options.rounds; round++) {
    const start = performance.now()
    await write(socket, Buffer.from(codec.encode(Buffer.from('a question'))))
    const { done } = await answers.next().catch(() => ({ done: true }))
    if (done) exitTooEarly(where, serverCommand)
    times.push(performance.now() - start)
  }
  socket.destroy()
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!
}

const headThenBody = async (socket: Socket, frame: Buffer) => {
  socket.write(frame.subarray(0, 1))
  await setImmediate() // the body is ready a moment later
  socket.write(frame.subarray(1))
}
const ways: [name: string, write: (socket: Socket, frame: Buffer) => Promise<void>][] = [
  ['two writes', headThenBody],
  [
    'two writes, noDelay',
    (socket, frame) => {
      socket.setNoDelay()
      return headThenBody(socket, frame)
    },
  ],
  [
    'two writes, corked',
    async (socket, frame) => {
      socket.cork()
      await headThenBody(socket, frame)
      socket.uncork()
    },
  ],
  [
    'one write',
    async (socket, frame) => {
      socket.write(frame)
    },
  ],
]
// #endregion stall

await elevenWrites(false)
await elevenWrites(true)
for (const [name, write] of options.rounds > 0 ? ways : []) {
  const ms = await median(write)
  console.log(`${name}: answer after ${ms.toFixed(2)} ms (median of ${options.rounds})`)
}

async function ask(socket: Socket, answers: Answers, question: string): Promise<string> {
  socket.write(codec.encode(Buffer.from(question)))
  return answer(answers)
}

async function answer(answers: Answers): Promise<string> {
  // Bytes of another format, or an end, are those of another server.
  const { value } = await answers.next().catch(() => ({ value: undefined }))
  const text = value === undefined ? '' : Buffer.from(value).toString()
  return /^(busy|event \d+)$/.test(text) ? text : exitUnknown(where, serverCommand)
}

async function open(): Promise<Socket> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.on('error', error => exitLost(error, where))
  return exitWhenSilent(socket, where, serverCommand)
}
