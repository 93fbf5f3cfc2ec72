/**
 * Header: the length is not at the beginning, or counts more or less than the payload.
 *
 *   npm run 04:header:server     in one terminal; `-- --format mysql` for the other format
 *   npm run 04:header:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { print } from '#lib/program/print.ts'
import { formatFlag, formatIsUnknown, formatOf } from './formats.ts'

const command = 'npm run 04:header:server'
const options = readOptions({
  command,
  does: 'Shouts back each request: a header with a length in it, then the bytes.',
  flags: { host, port: port(7141), format: formatFlag },
  check: formatIsUnknown,
})

// #region server
const { codec, headerBytes } = formatOf(options.format)

/** The header stays, and of the payload small letters become capitals. */
const shout = (request: Uint8Array): Uint8Array =>
  request.map((byte, at) => (at >= headerBytes && byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte))

const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('close', () => console.log(`closed ${peer}`))
  const { frames, send, end } = framed(socket, codec)
  try {
    for await (const request of frames) {
      await print(`request ${peer} ${request.length} bytes`)
      await send(shout(request))
    }
    await end()
  } catch (error) {
    // After a bad frame nobody can tell where the next one begins: the connection is lost.
    console.error(`error ${peer} ${(error as SocketError).code}`)
    socket.destroy()
  }
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
