/**
 * Bytes in flight: what a close, a close with unread input, and a reset do to them.
 *
 *   npm run 02:in-flight:server     in one terminal
 *   npm run 02:in-flight:client     in another
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 02:in-flight:server'
const options = readOptions({
  command,
  does: 'Does what the first connection says to the connection that follows it.',
  flags: { host, port: port(7025) },
})

// #region server
/** The first connection carries commands. What is done is done to the connection after it. */
let control: Socket | undefined
let patient: Socket | undefined

/** More than a receive buffer holds, less than a send buffer does. */
const MUCH = 2 ** 19
const LITTLE = 60_000

const commands = new Map<string, (socket: Socket) => void>([
  // The kernel has everything when destroy() closes the descriptor. It sends the rest, then a FIN.
  ['write and destroy', socket => socket.write(Buffer.alloc(MUCH), () => socket.destroy())],
  // Nobody has read what the client sent: the kernel sends a RST in place of the FIN.
  ['destroy unread', socket => socket.destroy()],
  // A reset throws away what has not been sent yet.
  ['write and reset', socket => socket.write(Buffer.alloc(MUCH), () => socket.resetAndDestroy())],
  // Little enough to have arrived before the reset.
  [
    'write little and reset',
    socket => socket.write(Buffer.alloc(LITTLE), () => socket.resetAndDestroy()),
  ],
])

// noDelay: the short answers on the control connection go out at once (chapter 04).
const server = createServer({ pauseOnConnect: true, noDelay: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  if (control === undefined) {
    control = socket
    socket.on('data', command => {
      const act = commands.get(command.toString())
      if (!patient || !act) return
      console.log(`told ${peer} ${command}`)
      act(patient)
    })
    socket.on('close', () => {
      control = undefined
      patient?.destroy() // as below
    })
    socket.resume()
  } else {
    patient?.destroy() // one at a time: a paused socket does not notice that its peer has left
    patient = socket
    console.log(`accepted ${peer}`)
    socket.on('close', () => {
      console.log(`closed ${peer} ${plural(socket.bytesWritten, 'byte')} written`)
      control?.write('closed')
    })
    control.write('accepted')
  }
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
