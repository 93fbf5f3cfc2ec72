/**
 * Delimiter: ends each request with CRLF, which no request may contain.
 *
 *   npm run 04:delimiter:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { delimiter } from '#lib/framing/delimiter.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const options = readOptions({
  command: 'npm run 04:delimiter:client',
  does: 'Sends requests that end with CRLF, all at once and byte by byte.',
  flags: { host, port: { ...port(7043), min: 1 } },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 04:delimiter:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const codec = delimiter({ delimiter: '\r\n', maxFrameBytes: 64 * 1024 })
const requests = ['one', 'two words', 'żółw', '']
const wire = Buffer.concat(requests.map(request => codec.encode(Buffer.from(request))))

await converse('in one write', socket => write(socket, wire))
await converse('byte by byte', async socket => {
  socket.setNoDelay()
  for (const byte of wire) await write(socket, Buffer.of(byte))
})

// One request that contains what marks the end. The codec refuses it before a byte is sent.
const collision = 'two\r\nlines'
try {
  codec.encode(Buffer.from(collision))
} catch (error) {
  console.log(`${JSON.stringify(collision)} is refused: ${(error as Error).message}`)
}
// Whoever does not check sends one request, and gets two answers.
await converse('unchecked', socket => write(socket, Buffer.from(`${collision}\r\n`)))

async function converse(how: string, send: (socket: Socket) => Promise<void>): Promise<void> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  exitWhenSilent(socket, where, serverCommand)
  const { frames, end } = framed(socket, codec)
  try {
    await send(socket)
    await end() // no more requests; the answers are still to come
    const answers: string[] = []
    for await (const answer of frames) answers.push(JSON.stringify(answer.toString()))
    if (answers.length === 0) exitUnknown(where, serverCommand)
    console.log(`${how}: ${plural(answers.length, 'answer')} ${answers.join(' ')}`)
  } catch (error) {
    exitLost(error as Error, where)
  }
}
// #endregion client

function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, error => (error ? reject(error) : resolve()))
  })
}
