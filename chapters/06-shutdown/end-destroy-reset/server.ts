/**
 * end, destroy, resetAndDestroy: three ways to leave, with all input read or not.
 *
 *   npm run 06:end-destroy-reset:server     in one terminal
 *   npm run 06:end-destroy-reset:client     in another
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 06:end-destroy-reset:server'
const options = readOptions({
  command,
  does: 'Does what the first connection says to the connection that follows it.',
  flags: { host, port: port(7062) },
})

// #region server
/** The first connection carries commands. What is done is done to the connection after it. */
let control: Socket | undefined
let patient: Socket | undefined

// #region ways
const ways = new Map<string, (socket: Socket) => void>([
  ['end', socket => socket.end()],
  ['destroy', socket => socket.destroy()],
  ['resetAndDestroy', socket => socket.resetAndDestroy()],
])
// #endregion ways

// pauseOnConnect: nothing is read before somebody asks for it, so it stays in the kernel.
const server = createServer({ pauseOnConnect: true, noDelay: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('error', ({ code }: SocketError) => console.error(`error ${peer} ${code}`))
  socket.on('close', () => console.log(`closed ${peer} ${plural(socket.bytesRead, 'byte')} read`))
  if (control === undefined) {
    control = socket
    follow(socket).catch(() => socket.destroy())
  } else {
    patient?.destroy() // what end() has left half-closed
    patient = socket
    control.write('accepted\n')
  }
})

async function follow(socket: Socket): Promise<void> {
  const { frames, send } = framed(socket, lines({ maxLineBytes: 100 }))
  try {
    for await (const line of frames) {
      const [way = '', input] = line.split(' ')
      if (!patient) continue
      if (input === 'read') await readSome(patient)
      ways.get(way)?.(patient)
      await send(`done ${way}`) // who does not read our answers is not read either
    }
  } finally {
    control = undefined
    patient?.destroy()
  }
}

function readSome(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    socket.once('data', () => resolve()).once('close', () => resolve()) // closed: nothing to read
    socket.resume()
  })
}
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
