/**
 * Length prefix: says how long each request is before it sends it.
 *
 *   npm run 04:length-prefix:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const options = readOptions({
  command: 'npm run 04:length-prefix:client',
  does: 'Sends requests behind their length, all at once and byte by byte.',
  flags: { host, port: { ...port(7042), min: 1 } },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 04:length-prefix:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const codec = lengthPrefix({ prefixBytes: 4, maxFrameBytes: 64 * 1024 })
const requests = ['one', 'two words', 'żółw', 'two\r\nlines', '']
const wire = Buffer.concat(requests.map(request => codec.encode(Buffer.from(request))))

await converse('in one write', socket => write(socket, wire))
await converse('byte by byte', async socket => {
  socket.setNoDelay()
  for (const byte of wire) await write(socket, Buffer.of(byte))
})

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
    if (answers.length !== requests.length) exitUnknown(where, serverCommand)
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
