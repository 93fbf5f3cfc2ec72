/**
 * TIME-WAIT: who closes first waits. This server closes first when it is told to.
 *
 *   npm run 06:time-wait:server     in one terminal
 *   npm run 06:time-wait:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 06:time-wait:server'
const options = readOptions({
  command,
  does: 'Closes a connection at the line "you close", otherwise when the client has.',
  flags: { host, port: port(7063) },
})

// #region server
const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('error', ({ code }: SocketError) => console.error(`error ${peer} ${code}`))
  socket.on('close', () => console.log(`closed ${peer} ${plural(socket.bytesRead, 'byte')}`))
  try {
    // Our FIN goes first, or second: that is all that decides on which side TIME-WAIT will be.
    for await (const line of readFrames(socket, lines({ maxLineBytes: 100 })))
      if (line === 'you close') socket.end()
    socket.end()
  } catch {
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
