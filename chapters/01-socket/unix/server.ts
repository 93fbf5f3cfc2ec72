/**
 * Unix domain socket: the same conversation, addressed by a path instead of host and port.
 *
 *   npm run 01:unix:server     in one terminal
 *   npm run 01:unix:client     in another
 */
import { lstatSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { pathIsTooLong, readOptions, unixPath } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 01:unix:server'
const { path } = readOptions({
  command,
  does: 'Answers every question over a Unix domain socket, and closes.',
  flags: {
    path: unixPath,
  },
  check: pathIsTooLong,
})

let clients = 0
// #region server
const server = createServer(socket => {
  // A client has no path of its own: there is no address to tell clients apart by.
  const peer = `client-${++clients}`
  console.log(`accepted ${peer}`)
  socket.once('data', question => {
    console.log(`received ${peer} ${plural(question.length, 'byte')}`)
    socket.end(`you are a process on this machine, I am ${path}\n`)
  })
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer}`))
})
// #endregion server

// #region stale
// The path is a file, and it outlives a server that was killed. Only a connect tells whether
// somebody still listens behind it.
server.on('error', (error: SocketError) => {
  if (error.code !== 'EADDRINUSE') exitCannotListen(error, path, command)
  const probe = connect(path, () => {
    exitCannotListen(error, path, command)
  })
  probe.on('error', (refused: SocketError) => {
    // A plain file refuses connections too. Remove nothing but a socket.
    const isSocket = lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false
    if (refused.code !== 'ECONNREFUSED' || !isSocket) exitCannotListen(error, path, command)
    rmSync(path, { force: true })
    server.listen(path)
  })
})
// #endregion stale
server.listen(path)
server.on('listening', () => console.log(`listening ${path}`))

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    server.close() // removes the file
    process.exit(0)
  })
}
