/**
 * Lines: the end of a line ends the request, LF or CRLF.
 *
 *   npm run 04:lines:server     in one terminal
 *   npm run 04:lines:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'
import { print } from '#lib/program/print.ts'

const command = 'npm run 04:lines:server'
const options = readOptions({
  command,
  does: 'Shouts back each line.',
  flags: { host, port: port(7044) },
})

// #region server
const codec = lines({ maxLineBytes: 64 * 1024 })

/** Only a to z: some other letters become longer, and the answer might exceed the limit. */
const shout = (request: string): string =>
  request.replaceAll(/[a-z]+/g, small => small.toUpperCase())

const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('close', () => console.log(`closed ${peer}`))
  const { frames, send, end } = framed(socket, codec)
  try {
    for await (const request of frames) {
      await print(`request ${peer} ${plural(request.length, 'character')}`)
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
