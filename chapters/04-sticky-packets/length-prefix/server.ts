/**
 * Length prefix: four bytes say how long the request is, then it follows.
 *
 *   npm run 04:length-prefix:server     in one terminal
 *   npm run 04:length-prefix:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'
import { print } from '#lib/program/print.ts'

const command = 'npm run 04:length-prefix:server'
const options = readOptions({
  command,
  does: 'Shouts back each request: four bytes of length, then the bytes.',
  flags: { host, port: port(7042) },
})

// #region server
const codec = lengthPrefix({ prefixBytes: 4, maxFrameBytes: 64 * 1024 })

/** Small letters become capitals, all other bytes stay what they are. */
const shout = (request: Uint8Array): Uint8Array =>
  request.map(byte => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte))

const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('close', () => console.log(`closed ${peer}`))
  const { frames, send, end } = framed(socket, codec)
  try {
    for await (const request of frames) {
      await print(`request ${peer} ${plural(request.length, 'byte')}`)
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
