/**
 * Chat: what one member says goes to all others, and a slow member holds nobody up.
 *
 *   npm run 02:chat:server     in one terminal
 *   npm run 02:chat:client     in two others
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const MAX_LINE_BYTES = 8192

const command = 'npm run 02:chat:server'
const options = readOptions({
  command,
  does: 'Chat server: every line goes to all other members.',
  flags: {
    host,
    port: port(7022),
    'max-waiting-bytes': {
      default: 2 ** 20,
      min: 1,
      help: 'drop a member when more than this waits in our memory for it',
    },
  },
})

// #region server
const members = new Map<Socket, string>()

const server = createServer(socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  members.set(socket, peer)
  console.log(`joined ${peer} ${plural(members.size, 'member')}`)

  // Cuts the stream into lines. Good enough to chat with; chapter 04 does it properly.
  let line = ''
  socket.setEncoding('utf8') // decodes a character whose bytes arrive in two pieces
  socket.on('data', text => {
    const lines = (line + text).split('\n')
    line = lines.pop() ?? ''
    for (const said of [...lines, line]) {
      if (Buffer.byteLength(said) <= MAX_LINE_BYTES) continue
      drop(socket, `a line of more than ${MAX_LINE_BYTES} bytes`)
      return
    }
    for (const said of lines) tellOthers(socket, Buffer.from(`${peer}: ${said}\n`))
  })

  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => {
    members.delete(socket)
    console.log(`left ${peer} ${plural(members.size, 'member')}`)
  })
})

function tellOthers(from: Socket, line: Buffer): void {
  for (const member of members.keys()) {
    if (member === from || !member.writable) continue
    member.write(line)
    // Waiting for `drain` here would let the slowest member set the pace for everyone. Each member
    // has its own queue instead, and that queue has an end.
    const waiting = member.writableLength
    if (waiting > options['max-waiting-bytes']) drop(member, `${plural(waiting, 'byte')} waiting`)
  }
}

function drop(socket: Socket, why: string): void {
  console.log(`dropped ${members.get(socket)} ${why}`)
  socket.destroy()
}
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
