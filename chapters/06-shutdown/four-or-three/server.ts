/**
 * Four segments or three: whether ACK and FIN travel together is up to the program.
 *
 *   npm run 06:four-or-three:server     in one terminal
 *   npm run 06:four-or-three:client     in another
 */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 06:four-or-three:server'
const options = readOptions({
  command,
  does: 'Answers the FIN of a client with its own: at once, or later, when the next client comes.',
  flags: { host, port: port(7061) },
})

// #region server
const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('error', ({ code }: SocketError) => console.error(`error ${peer} ${code}`))
  socket.on('close', () => console.log(`closed ${peer} ${plural(socket.bytesRead, 'byte')}`))
  try {
    let when = ''
    for await (const line of readFrames(socket, lines({ maxLineBytes: 100 }))) when = line
    // The client's FIN has been read. The kernel acknowledges it after 40 ms or so, if not at once.
    // If our FIN goes out before, it takes the ACK along; if not, the ACK travels alone, and the FIN
    // follows later.
    if (when === 'later') await once(server, 'connection')
    socket.end()
  } catch {
    socket.destroy()
  }
})
server.setMaxListeners(0) // each "later" waits for the next connection
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
