/**
 * Byte stuffing: escapes whatever looks like a mark.
 *
 *   npm run 04:byte-stuffing:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { byteStuffing } from '#lib/framing/byte-stuffing.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const options = readOptions({
  command: 'npm run 04:byte-stuffing:client',
  does: 'Sends requests of any bytes, marks among them, all at once and byte by byte.',
  flags: { host, port: { ...port(7045), min: 1 } },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 04:byte-stuffing:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const codec = byteStuffing({ maxFrameBytes: 64 * 1024 })
const requests = ['one', 'two\r\nlines', 'żółw', Buffer.of(0x61, 0xc0, 0x62, 0xdb, 0x63)]
const wire = Buffer.concat(requests.map(request => codec.encode(Buffer.from(request))))

await converse('in one write', socket => write(socket, wire))
await converse('byte by byte', async socket => {
  socket.setNoDelay()
  for (const byte of wire) await write(socket, Buffer.of(byte))
})
console.log(`on the wire: ${hex(codec.encode(Buffer.from(requests.at(-1)!)))}`)

async function converse(how: string, send: (socket: Socket) => Promise<void>): Promise<void> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  exitWhenSilent(socket, where, serverCommand)
  const { frames, end } = framed(socket, codec)
  try {
    await send(socket)
    await end() // no more requests; the answers are still to come
    const answers: string[] = []
    for await (const answer of frames)
      answers.push(answer.includes(0xc0) ? hex(answer) : JSON.stringify(answer.toString()))
    if (answers.length !== requests.length) exitUnknown(where, serverCommand)
    console.log(`${how}: ${plural(answers.length, 'answer')} ${answers.join(' ')}`)
  } catch (error) {
    exitLost(error as Error, where)
  }
}
// #endregion client

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replaceAll(/..(?!$)/g, '$& ')
}

function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, error => (error ? reject(error) : resolve()))
  })
}
