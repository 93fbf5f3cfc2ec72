/**
 * Nagle: ten small writes to a busy reader, then the write-write-read stall and its cures.
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
import { segmentsSent } from './segments.ts'

const serverCommand = 'npm run 04:nagle:server'
const options = readOptions({
  command: 'npm run 04:nagle:client',
  does: 'Shows what Nagle’s algorithm changes, and what it does not.',
  flags: {
    host,
    port: { ...port(7046), min: 1 },
    rounds: { default: 25, min: 1, max: 1000, help: 'requests per way of writing' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
const codec = lengthPrefix({ prefixBytes: 1 })

// #region ten-writes
async function tenWrites(noDelay: boolean): Promise<void> {
  const control = await open()
  control.write(codec.encode(Buffer.from('busy')))
  await take(control, 1)

  // The server's program stands still; its kernel accepts the connection and takes the bytes.
  const socket = await open()
  socket.setNoDelay(noDelay)
  for (let n = 0; n < 10; n++) socket.write(codec.encode(Buffer.from(`msg${n}`)))

  const answers = await take(socket, 10)
  const segments = segmentsSent(socket)
  const events = new Set(answers).size
  console.log(`noDelay ${noDelay}: 10 writes, ${segments} segments, data events: ${events}`)
  control.destroy()
  socket.destroy()
}
// #endregion ten-writes

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

await tenWrites(false)
await tenWrites(true)
for (const [name, write] of ways) {
  const ms = await median(write)
  console.log(`${name}: answer after ${ms.toFixed(2)} ms (median of ${options.rounds})`)
}

async function take(socket: Socket, count: number): Promise<string[]> {
  const answers: string[] = []
  try {
    for await (const answer of framed(socket, codec).frames) {
      if (answers.push(answer.toString()) === count) return answers
    }
  } catch {
    // Bytes of another format: somebody else's.
  }
  return exitUnknown(where, serverCommand)
}

async function open(): Promise<Socket> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.on('error', error => exitLost(error, where))
  return exitWhenSilent(socket, where, serverCommand)
}
