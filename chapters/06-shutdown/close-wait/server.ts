/**
 * CLOSE-WAIT: a server that forgets to close, and the line that cures it.
 *
 *   npm run 06:close-wait:server     in one terminal
 *   npm run 06:close-wait:client     in another
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { framed } from '#lib/framing/stream.ts'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 06:close-wait:server'
const options = readOptions({
  command,
  does: 'Answers lines. Forgets to close, until the line "cure" comes; "count" counts (Linux).',
  flags: {
    host,
    port: port(7064),
    cured: { default: false, help: 'close from the beginning' },
  },
})

// #region server
const open = new Set<Socket>()
let { cured } = options
/** Who has asked for the cure. It lasts as long as that connection. */
let doctor: Socket | undefined

// With allowHalfOpen, closing our side is our own duty.
const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer} ${open.add(socket).size} open`)
  socket.on('error', ({ code }: SocketError) => console.error(`error ${peer} ${code}`))
  socket.on('close', () => {
    open.delete(socket)
    if (socket === doctor) cured = options.cured
    console.log(`closed ${peer} ${open.size} open`)
  })

  // #region answer
  const { frames, send } = framed(socket, lines({ maxLineBytes: 100 }))
  try {
    for await (const line of frames) {
      if (line === 'cure') cure(socket)
      await send(line === 'count' || line === 'cure' ? count() : line)
    }
    if (cured) socket.end() // the line that was missing
  } catch {
    socket.destroy()
  }
  // #endregion answer
})

/** Whose peer has ended, and who has nothing more to say: for them end() is overdue. */
function cure(asker: Socket): void {
  cured = true
  doctor = asker
  for (const socket of open) if (socket.readableEnded) socket.end()
}

/**
 * What the kernel knows. There is no clock in CLOSE-WAIT, unless keepalive is on. Then a probe meets a
 * peer that has forgotten, and the row disappears; the descriptor does not. So both are counted.
 */
function count(): string {
  const { port } = server.address() as AddressInfo
  const rows = readTcpTable().filter(({ localPort }) => localPort === port)
  const waiting = rows.filter(({ state }) => state === 'CLOSE-WAIT').length
  return `${waiting} in CLOSE-WAIT, ${plural(open.size, 'socket')} open`
}
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
