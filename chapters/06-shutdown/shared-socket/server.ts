/**
 * A socket with two owners: what close does, and what shutdown does, while a child holds it too.
 *
 *   npm run 06:shared-socket:server     in one terminal
 *   npm run 06:shared-socket:client     in another
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { finished } from 'node:stream/promises'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 06:shared-socket:server'
const options = readOptions({
  command,
  does: 'Shares a connection with a child process, then closes it or shuts it down.',
  flags: { host, port: port(7065) },
})

// #region child
/** The child has the socket as descriptor 3. It writes to it when its standard input ends. */
const CHILD = `
process.stdout.on('error', () => process.exit()) // the parent has gone
process.stdout.write('ready')
process.stdin.resume().on('end', () => {
  let how = 'ok'
  try { require('node:fs').writeSync(3, 'the child speaks') } catch (error) { how = error.code }
  process.stdout.write(how)
})`
// #endregion child

// #region server
const server = createServer({ allowHalfOpen: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('error', ({ code }: SocketError) => console.error(`error ${peer} ${code}`))
  socket.on('close', () => console.log(`closed ${peer}`))
  socket.on('end', () => socket.end())
  socket.once('data', said => {
    const way = `${said}`.trim()
    if (way !== 'close' && way !== 'shutdown') socket.destroy()
    else {
      share(socket, way, peer).catch(({ code, message }) => {
        console.error(`error ${peer} ${code ?? message}`)
        socket.destroy()
      })
    }
  })
})

// #region share
async function share(socket: Socket, way: 'close' | 'shutdown', peer: string): Promise<void> {
  // The fourth entry becomes descriptor 3: from here on, two processes own the same socket.
  const child = spawn(process.execPath, ['-e', CHILD], {
    stdio: ['pipe', 'pipe', 'inherit', socket],
  })
  try {
    await once(child, 'spawn') // fails when no descriptor is left, for instance
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])

    if (way === 'close') {
      socket.destroy() // gives one of two references back: nothing is sent
      if (!socket.closed) await once(socket, 'close')
    } else {
      socket.end() // acts on the connection itself: a FIN, whoever else holds it
      await finished(socket, { readable: false }) // fails when the peer has reset it meanwhile
    }
    console.log(`${way} ${peer} by the parent`)
    const said = once(child.stdout!, 'data')
    child.stdin!.end()
    console.log(`write ${peer} by the child: ${(await said)[0]}`)
    await once(child, 'exit') // the last reference goes with it
    console.log(`exit ${peer} of the child`)
  } finally {
    child.kill()
  }
}
// #endregion share
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
