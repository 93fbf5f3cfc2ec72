/**
 * Echo: a server that sends every byte back, for many clients at once.
 *
 *   npm run 02:server            in one terminal
 *   echo hi | npm run -s 02:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 02:server'
const options = readOptions({
  command,
  does: 'Echo server: every byte goes back to the client that sent it.',
  flags: { host, port: port(7020) },
})

// #region server
// allowHalfOpen: we answer the client's FIN ourselves, on 'end'. Node's default would do it for us.
// That is right for an echo, whose last byte is written by then; a server that is still at work
// would lose its answer.
const server = createServer({ allowHalfOpen: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)

  // #region back-pressure
  socket.on('data', chunk => {
    // false: the kernel takes no more for this client. Stop reading from it, so that TCP's flow
    // control holds the client back; otherwise the bytes would pile up in our memory.
    if (!socket.write(chunk)) socket.pause()
  })
  socket.on('drain', () => socket.resume())
  // #endregion back-pressure
  socket.on('end', () => socket.end())

  // A reset is an `error` event, and an `error` event that nobody listens to ends the process:
  // one client would take down the conversations of all others.
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer} ${plural(socket.bytesRead, 'byte')}`))
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

// Ends all conversations at once. The `graceful` example lets them finish first.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
