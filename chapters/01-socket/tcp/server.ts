/**
 * TCP: one question, one answer.
 *
 *   npm run 01:server     in one terminal
 *   npm run 01:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 01:server'
const options = readOptions({
  command,
  does: 'Answers every question with the names of both sockets, and closes.',
  flags: { host, port: port(7010) },
})

// #region server
const server = createServer(socket => {
  const here = endpoint(socket.localAddress, socket.localPort)
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)

  // Takes the first piece that arrives for the whole question. That is luck: chapter 04.
  socket.once('data', question => {
    console.log(`received ${peer} ${plural(question.length, 'byte')}`)
    socket.end(`you are ${peer}, I am ${here}\n`)
  })
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer}`))
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
// #region listen
server.listen(options.port, options.host, () => {
  // Port 0 asks the kernel for any free port: the real one is known only now.
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})
// #endregion listen

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
