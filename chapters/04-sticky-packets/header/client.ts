/**
 * Header: sends requests whose length is inside a header, and reads the same bytes wrongly as well.
 *
 *   npm run 04:header:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FrameCodec } from '#lib/framing/frame.ts'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitUnknown,
  exitWhenSilent,
  type SocketError,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { formatFlag, formatIsUnknown, formatOf } from './formats.ts'

const options = readOptions({
  command: 'npm run 04:header:client',
  does: 'Sends requests whose length is inside a header, all at once and byte by byte.',
  flags: { host, port: { ...port(7141), min: 1 }, format: formatFlag },
  check: formatIsUnknown,
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 04:header:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const { codec, headerBytes, header, mistakes } = formatOf(options.format)
const requests = ['one', 'two words', 'żółw', 'two\r\nlines', '']
const messages = requests.map(text => codec.encode(Buffer.concat([header, Buffer.from(text)])))
const wire = Buffer.concat(messages)

await converse('in one write', socket => write(socket, wire))
await converse('byte by byte', async socket => {
  socket.setNoDelay()
  for (const byte of wire) await write(socket, Buffer.of(byte))
})

console.log(`on the wire: ${Buffer.from(messages[0]!).toString('hex')}`)
// A decoder needs no socket: the same bytes, and one option forgotten.
for (const [what, wrong] of Object.entries(mistakes)) {
  console.log(`${what}: ${readAll(lengthPrefix(wrong))}`)
}

function readAll(wrong: FrameCodec): string {
  const decoder = wrong.decoder()
  const read: string[] = []
  try {
    decoder.push(wire)
    for (let frame = decoder.read(); frame !== null; frame = decoder.read()) {
      read.push(JSON.stringify(Buffer.from(frame).toString()))
    }
    decoder.end()
  } catch (error) {
    const { code, message } = error as SocketError
    read.push(`${code}, ${message}`)
  }
  return read.join(' ')
}
// #endregion client

async function converse(how: string, send: (socket: Socket) => Promise<void>): Promise<void> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  exitWhenSilent(socket, where, serverCommand)
  const { frames, end } = framed(socket, codec)
  try {
    await send(socket)
    await end() // no more requests; the answers are still to come
    const answers: string[] = []
    for await (const answer of frames) {
      answers.push(JSON.stringify(Buffer.from(answer).toString('utf8', headerBytes)))
    }
    if (answers.length !== requests.length) exitUnknown(where, serverCommand)
    console.log(`${how}: ${answers.length} answers ${answers.join(' ')}`)
  } catch (error) {
    exitLost(error as Error, where)
  }
}

function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, error => (error ? reject(error) : resolve()))
  })
}
